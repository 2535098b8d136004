"""What httpcore logs about our requests keeps no header, under whichever name it runs."""

from __future__ import annotations

import logging

import pytest

from aiobench._http.connections import without_replies_in_the_log


@pytest.mark.parametrize("name", ["httpcore.http11", "httpcore2.http11", "httpcore2.proxy"])
def test_our_replies_are_cut_and_others_are_not(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A record about our request says what happened and not what came; one about another request says all of it."""
    caplog.set_level(logging.DEBUG, logger=name)
    with without_replies_in_the_log():
        logging.getLogger(name).debug("receive_response_headers.complete return_value=(302, 'sig=canary')")
    logging.getLogger(name).debug("send_request_body.complete return_value=None")

    assert caplog.messages == [
        "receive_response_headers.complete",
        "send_request_body.complete return_value=None",
    ]

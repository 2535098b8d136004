"""`workspace.toml`: datasets, models and metrics named in a file, models outside Python, and every mistake at once."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import psutil
import pytest

from aiobench.errors import ConfigurationError
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)

WORDS = "key,frage,antwort,small\na,rot,RED,RED\nb,blau,BLUE,\nc,gelb,YELLOW,YELOW\n"
DATASET = '[datasets.words]\nfile = "words.csv"\nsource = "frage"\nreference = "antwort"\nid = "key"\n'
PROGRAM = """
import sys, time
for line in sys.stdin:
    line = line.rstrip("\\n")
    if line == "blau":
        {on_blue}
    print(line.upper(), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a small data file."""
    (tmp_path / "words.csv").write_text(WORDS, "utf-8")
    return tmp_path


def write(folder: Path, content: str) -> None:
    """Write the file."""
    (folder / "workspace.toml").write_text(textwrap.dedent(content), "utf-8")


def outputs(folder: Path, model: str, *, metrics: list[str] | None = None, executor: int | None = None) -> pd.DataFrame:
    """Run one model of a workspace on its dataset, and return the results."""
    with LocalBackend(folder, executor=executor) as backend, backend.sync_client() as client:
        benchmark = client.create_benchmark("b", dataset="words", models=[model], metrics=metrics or ["exact-match"])
        job = benchmark.start()
        job.wait(timeout=60)
        frame = job.download_results_as_csv(return_dataframe=True, strict=True)
        frame.attrs["explanations"] = job.get_all_explanations()
        return frame


def answers(frame: pd.DataFrame) -> list[str | None]:
    """Read the outputs."""
    return [None if value != value else str(value) for value in frame["hypothesis"]]  # noqa: PLR0124 - missing


def reasons(frame: pd.DataFrame) -> str:
    """Say why segments failed."""
    (found,) = frame.attrs["explanations"]["metricInDependent"]
    return "\n".join(reason for model in found["failures"] for reason in model["byReason"])


def mistakes(folder: Path) -> str:
    """Say what is wrong in a workspace, without the folder's own name."""
    with pytest.raises(ConfigurationError) as caught, LocalBackend(folder):
        pass
    return str(caught.value).replace(f"{folder}{os.sep}", "")


def test_a_workspace_of_ones_own(folder: Path) -> None:
    """It offers what the file names, by its names, and the metrics that there always are; nothing of the demo."""
    (folder / "mine_of_workspace.py").write_text(
        "def shout(text): return text.upper()\ndef same(hyp, ref): return hyp == ref\n", "utf-8"
    )
    (folder / "later.csv").write_text("segment_id,output\nc,YELLOW\na,RED\n", "utf-8")
    write(
        folder,
        f"""
        {DATASET.replace(chr(10), chr(10) + "        ")}
        name = "Words"
        [models.small]
        predictions = "small"
        label = "Small one"
        [models.loud]
        function = "mine_of_workspace:shout"
        [models.later]
        file = "later.csv"
        predictions = "output"
        [metrics.same]
        function = "mine_of_workspace:same"
        [metrics."chrf++"]
        metric = "chrF"
        word_order = 2
        """,
    )
    with LocalBackend(folder) as backend:
        assert backend.datasets == {"words": "Words"}
        assert backend.models == {"small": "Small one", "loud": "loud", "later": "later"}
        assert {"same", "chrf++", "bleu", "wer"} <= backend.metrics.keys()
    assert not (folder / "datasets").exists()

    assert answers(outputs(folder, "small")) == ["RED", None, "YELOW"]
    assert answers(outputs(folder, "loud")) == ["ROT", "BLAU", "GELB"]
    frame = outputs(folder, "later", metrics=["same", "chrf++", "chrf"])
    assert answers(frame) == ["RED", None, "YELLOW"]
    assert list(frame.filter(like="same").iloc[:, 0].dropna()) == [1.0, 1.0]
    assert "no prediction for segment 'b'" in reasons(frame)


def test_parameters_of_a_metric_count(folder: Path) -> None:
    """A metric with parameters scores as sacrebleu does with them."""
    from sacrebleu.metrics.chrf import CHRF

    write(folder, DATASET + '[models.small]\npredictions = "small"\n[metrics.words]\nmetric = "chrf"\nword_order = 2\n')
    frame = outputs(folder, "small", metrics=["words", "chrf"])
    columns = [name for name in frame.columns if "sacrebleu" in name]
    expected = [CHRF(word_order=order).sentence_score("YELOW", ["YELLOW"]).score for order in (2, 0)]
    assert [frame[name].iloc[2] for name in columns] == pytest.approx(expected)
    assert expected[0] != expected[1]


@pytest.mark.parametrize("executor", [None, 2])
def test_a_command_answers_lines(folder: Path, executor: int | None) -> None:
    """It is started in the workspace's folder, once for all its segments, and ends with the job."""
    program = PROGRAM.format(on_blue="pass") + "open('seen.txt', 'a').write('end of input\\n')\n"
    (folder / "model.py").write_text(program, "utf-8")
    write(folder, f"{DATASET}[models.it]\ncommand = [{json.dumps(sys.executable)}, 'model.py']\n")

    assert answers(outputs(folder, "it", executor=executor)) == ["ROT", "BLAU", "GELB"]
    if executor is None:
        assert (folder / "seen.txt").read_text("utf-8") == "end of input\n"
    assert [each for each in psutil.Process().children(recursive=True) if "model.py" in str(each.cmdline())] == []


@pytest.mark.parametrize(
    ("on_blue", "reason"),
    [
        ("sys.exit(3)", "ended with status 3"),
        ("print('BL', end='', flush=True); sys.exit(0)", "ended with status 0"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", "ended with status -9"),
        ("time.sleep(1000)", "no output within 1 s"),
        ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush(); continue", None),
    ],
    ids=["exits", "half a line", "killed", "hangs", "not UTF-8"],
)
def test_a_command_that_fails_costs_one_segment(folder: Path, on_blue: str, reason: str | None) -> None:
    """The next segment gets a new process, and the failure says why."""
    (folder / "model.py").write_text(PROGRAM.format(on_blue=on_blue), "utf-8")
    write(folder, f"{DATASET}[models.it]\ncommand = [{json.dumps(sys.executable)}, 'model.py']\ntimeout = 1\n")

    frame = outputs(folder, "it")
    if reason is None:
        assert answers(frame) == ["ROT", "\N{REPLACEMENT CHARACTER}", "GELB"]
    else:
        assert answers(frame) == ["ROT", None, "GELB"]
        assert reason in reasons(frame)


def test_a_command_that_is_not_there(folder: Path) -> None:
    """Every segment fails with a sentence, and the job ends."""
    write(folder, DATASET + '[models.it]\ncommand = "no-such-program --fast"\n')
    with LocalBackend(folder) as backend, backend.sync_client() as client:
        job = client.create_benchmark("b", dataset="words", models=["it"], metrics=["bleu"]).start()
        job.wait(timeout=60)
        assert job.get_failuire_rate(return_as_dataframe=False) == {"it": 100.0}
        assert "no-such-program cannot be started" in str(job.get_all_explanations())


class Endpoint(BaseHTTPRequestHandler):
    """A model behind HTTP, which answers one word wrongly, in the way its path says."""

    protocol_version = "HTTP/1.1"
    refused: ClassVar[set[str]] = set()  # sources that /shaky has refused

    def do_POST(self) -> None:
        source = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["source"]
        status, kind, body = 200, "application/json", json.dumps({"output": source.upper()})
        if source == "blau" and self.path != "/shaky":
            status, kind, body = {
                "/fine": (200, "application/json", body),
                "/plain": (200, "text/plain; charset=utf-8", "bläu"),
                "/error": (503, "text/plain", "overloaded"),
                "/other": (200, "application/json", '{"result": 1}'),
                "/list": (200, "application/json", "[]"),
                "/broken": (200, "application/json", "{"),
            }[self.path.partition("?")[0]]
        if self.path == "/shaky" and source not in self.refused:
            self.refused.add(source)
            status = 503
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve a model on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "expected", "reason"),
    [
        ("/fine", "BLAU", ""),
        ("/plain", "bläu", ""),
        ("/error", None, "HTTP 503, 'overloaded'"),
        ("/other", None, "there is no text 'output' in {\"result\": 1}"),
        ("/list", None, "there is no text 'output' in []"),
        ("/broken", None, "Expecting property name"),
    ],
)
def test_an_endpoint_answers(folder: Path, endpoint: str, path: str, expected: str | None, reason: str) -> None:
    """It may answer JSON or plain text; whatever else it says fails that segment, and is shown."""
    write(folder, f'{DATASET}[models.it]\nendpoint = "{endpoint}{path}"\n')
    frame = outputs(folder, "it")
    assert answers(frame) == ["ROT", expected, "GELB"]
    assert reason in reasons(frame)


def test_an_endpoint_on_loopback_needs_no_proxy_and_hides_its_key(
    folder: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is passed by, and reasons leave the query out: in results and explanations."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    write(
        folder,
        f"""{DATASET}
        [models.fine]
        endpoint = "{endpoint}/fine"
        [models.gone]
        endpoint = "http://127.0.0.1:1/predict?key=hidden"
        [models.refuses]
        endpoint = "{endpoint}/error?key=hidden"
        """,
    )
    assert answers(outputs(folder, "fine")) == ["ROT", "BLAU", "GELB"]
    for model, reason in (("gone", "http://127.0.0.1:1/predict: "), ("refuses", "/error: HTTP 503")):
        frame = outputs(folder, model)
        assert reason in reasons(frame)
        assert "hidden" not in reasons(frame)


def test_an_endpoint_is_asked_again_as_often_as_allowed(folder: Path, endpoint: str) -> None:
    """A reply of 503 on the first request for a source, and a good one on the second."""
    Endpoint.refused.clear()
    write(folder, f'{DATASET}[models.it]\nendpoint = "{endpoint}/shaky"\nretries = 1\nconcurrency = 3\n')
    assert answers(outputs(folder, "it")) == ["ROT", "BLAU", "GELB"]


def test_models_outside_python_from_python(folder: Path, endpoint: str) -> None:
    """`LocalBackend(models=…)` takes an address and a command, too, in processes as well."""
    (folder / "model.py").write_text(PROGRAM.format(on_blue="pass"), "utf-8")
    models = {"there": f"{endpoint}/fine", "here": [sys.executable, str(folder / "model.py")]}
    datasets = {"words": pd.DataFrame({"source": ["rot", "blau", "gelb"], "reference": ["ROT", "BLAU", "GELB"]})}
    for executor in (None, 2):
        workspace = folder / f"workspace-{executor}"
        with (
            LocalBackend(workspace, datasets=datasets, models=models, executor=executor) as backend,
            backend.sync_client() as client,
        ):
            benchmark = client.create_benchmark("b", dataset="words", models=list(models), metrics=["exact-match"])
            job = benchmark.start()
            job.wait(timeout=60)
            frame = job.download_results_as_csv(return_dataframe=True)
        assert frame["hypothesis"].tolist() == ["ROT", "BLAU", "GELB"] * len(models)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[datasets", "workspace.toml is not TOML: "),
        ("datasets = 3", "workspace.toml: datasets must hold tables, such as [datasets.NAME]"),
        ("[dataset.words]\nfile = 'words.csv'", "workspace.toml: 'dataset' is unknown; there are datasets, models"),
        ("[models]\nx = 3", "workspace.toml, line 2, [models.x]: must be a table"),
        ("[datasets.words]\nfile = 3", "workspace.toml, line 1, [datasets.words]: file must be a text, not 3"),
        ("\n[datasets.w]\nname = 'W'", "workspace.toml, line 2, [datasets.w]: file is missing"),
        ("[datasets.w]\nfile = 'no.csv'", "no.csv"),
        ("[datasets.w]\nfile = 'words.csv'", "words.csv has no column 'source'; it has 'key', 'frage'"),
        ("[datasets.w]\nfile = 'words.csv'\nsourse = 'x'", "[datasets.w]: 'sourse' is unknown; there are description"),
        ("[models.x]", "[models.x]: give one of predictions, file, function, endpoint, command, not none"),
        ("[models.x]\nendpoint = 'http://a'\ncommand = 'b'", "not endpoint and command"),
        ("[models.x]\npredictions = 'a'\ntimeout = 3", "'timeout' is unknown; there are label, predictions"),
        ("[models.x]\nfile = 'words.csv'", "words.csv has no column 'prediction'; it has 'key', 'frage'"),
        ("[models.x]\nfunction = 'upper'", "function must be package.module:function, not 'upper'"),
        ("[models.x]\nfunction = 'no_such_module:f'", "cannot be imported: ModuleNotFoundError: No module named"),
        ("[models.x]\nfunction = 'math:pie'", "math:pie cannot be imported: AttributeError"),
        ("[models.x]\nfunction = 'math:pi'", "math:pi is no function"),
        ("[models.x]\nendpoint = 'localhost:80'", "'localhost:80' is no address of an endpoint"),
        ("[models.x]\nendpoint = 'http://a'\ntimeout = 0", "timeout= must be a number of seconds above 0, not 0"),
        ("[models.x]\nendpoint = 'http://a'\ntimeout = true", "timeout= must be a number of seconds above 0, not True"),
        (
            "[models.x]\ncommand = 'a'\nretries = -1",
            "line 1, [models.x]: retries= must be a whole number, 0 or more, not -1",
        ),
        (
            "[models.x]\nfunction = 'math:sqrt'\nconcurrency = 'all'",
            "concurrency= must be a whole number over 0, not 'all'",
        ),
        ("[models.x]\npredictions = 'good'\ntimeout = 5", "'timeout' is unknown; there are label, predictions"),
        ("[models.x]\ncommand = 'a \"b'", "the command 'a \"b' cannot be read: No closing quotation"),
        ("[models.x]\ncommand = []", "must be a function of one source"),
        ("[metrics.m]\nmetric = 'blue'", "there is no metric 'blue' (did you mean 'bleu'?)"),
        ("[metrics.m]\nmetric = 'wer'\nx = 1", "the metric wer has no parameters; bleu, chrf, ter have some"),
        ("[metrics.m]\nmetric = 'chrf'\nx = 1", "the metric chrf has no parameter 'x'; it has char_order"),
        ("[metrics.m]\nmetric = 'bleu'\ntokenize = 'x'", "the metric bleu cannot use {'tokenize': 'x'}"),
        ("[metrics.m]\nfunction = 'math:hypot'\nlower_is_better = 1", "lower_is_better must be true or false, not 1"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place(folder: Path, content: str, expected: str) -> None:
    """Whatever is wrong in the file, a sentence says so, and where."""
    write(folder, content)
    assert expected in mistakes(folder)


def test_mistakes_are_listed_at_once(folder: Path) -> None:
    """All of a file's mistakes come together, each with the line it is on."""
    write(folder, DATASET + "[models.a]\n\n[models.b]\npredictions = 3\n[metrics.m]\nmetric = 'blue'\n[other]\n")
    text = mistakes(folder)
    assert text.startswith("4 mistakes:")
    for place in ("line 6, [models.a]", "line 8, [models.b]", "line 10, [metrics.m]", "'other' is unknown"):
        assert place in text


def test_a_file_that_is_not_utf_8(folder: Path) -> None:
    """The line that is not is named."""
    (folder / "workspace.toml").write_bytes(b"[models.x]\npredictions = '\xff'\n")
    assert "workspace.toml" in mistakes(folder)
    assert "UTF-8" in mistakes(folder)

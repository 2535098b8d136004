"""What a notebook shows of an object: a card with facts and a table, as HTML and as equivalent text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from operator import methodcaller
from typing import Protocol

from aiobench._values import Value

__all__ = ["UNKNOWN", "Card", "Displayed", "Printer", "card_of", "counted", "figure", "printable"]

UNKNOWN = "\N{EN DASH}"
CELL = "padding: 0.1em 0.8em; text-align: "


class Printer(Protocol):
    """The printer that IPython passes to `_repr_pretty_`."""

    def text(self, text: str, /) -> None: ...


def figure(value: float | None, unit: str | None = None) -> str:
    """Format a figure with four significant digits and its unit."""
    if value is None:
        return UNKNOWN
    number = f"{value:,d}" if isinstance(value, int) else f"{value:#,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{number} {unit}" if unit else number


def counted(number: int, noun: str) -> str:
    """Format a count with its noun, in the singular or plural."""
    return f"{number:,d} {noun}{'' if number == 1 else 's'}"


class Card(Value, frozen=True):
    """The content of a card. All of it is unescaped text from the platform.

    Attributes:
        title: The heading.
        facts: `(name, value)`; facts without a value are left out.
        header: The table's columns. The first has names, the others figures.
        rows: The table's rows.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def html(self) -> str:
        """Return it as escaped HTML."""
        parts = [f"<div><strong>{escape(self.title)}</strong>"]
        parts += [f"<div>{escape(name)}: {escape(value)}</div>" for name, value in self.facts if value]
        if self.rows:
            body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in self.rows)
            parts.append(f"<table><thead><tr>{_cells('th', self.header)}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts) + "</div>"

    def text(self) -> str:
        """Return it as lines of text."""
        lines = [self.title, *(f"  {name}: {value}" for name, value in self.facts if value)]
        if self.rows:
            table = (self.header, *self.rows)
            widths = [max(len(row[column]) for row in table) for column in range(len(self.header))]
            for row in table:
                first, *others = (
                    cell.rjust(width) if column else cell.ljust(width)
                    for column, (cell, width) in enumerate(zip(row, widths, strict=True))
                )
                lines.append("  " + "  ".join((first, *others)).rstrip())
        return "\n".join(printable(line) for line in lines)


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(
        f'<{tag} style="{CELL}{"right" if column else "left"}">{escape(text)}</{tag}>'
        for column, text in enumerate(texts)
    )


def printable(line: str) -> str:
    """Replace control characters: the platform's text must not control a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


class Displayed:
    """Mixin that shows an object's card in notebooks and at IPython's prompt. `repr()` stays one line.

    `repr()` is defined here as well, because IPython prefers a derived class's `repr()` to a card of its base.
    """

    __slots__ = ()

    def _line(self) -> str:
        raise NotImplementedError

    def _card(self) -> Card:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._line()

    def _repr_html_(self) -> str:
        return self._card().html()

    def _repr_pretty_(self, printer: Printer, *_: object) -> None:
        printer.text(self._card().text())


card_of: Callable[[Displayed], Card] = methodcaller("_card")
"""Return the card of an object."""

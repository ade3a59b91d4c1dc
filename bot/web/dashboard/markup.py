"""HTML that is built from parts: whatever is not markup already is escaped, so that no name can become a tag. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

VOID = frozenset({"input", "link", "meta", "rect"})


@dataclass(frozen=True, slots=True)
class Markup:
    """A piece of HTML that is safe to send; only this module and constants make one from a text."""

    text: str

    def __str__(self) -> str:
        return self.text


Part = Markup | str


def tag(name: str, /, *parts: Part, **attributes: str | bool | None) -> Markup:
    """An element with its children. An attribute's trailing underscore is dropped and others become dashes: `class_`.

    One that is None or False is left out, True stands without a value.
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{shown}>" if name != "rect" else f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{joined(parts).text}</{name}>")


def joined(parts: tuple[Part, ...] | list[Part] | list[Markup]) -> Markup:
    """Parts after each other."""
    return Markup("".join(part.text if isinstance(part, Markup) else escape(part) for part in parts))


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(value)}"'


def table(heads: list[tuple[str, str]], rows: list[list[Part]]) -> Markup:
    """A table that folds on a phone, each row into lines where a number brings its title along, and scrolls where it is too wide.

    A head is its title and the class of its column's cells.
    """
    head = tag("tr", *(tag("th", title, scope="col", class_=css or None) for title, css in heads))
    body = [
        tag(
            "tr",
            *(
                tag("td", cell, class_=css or None, data_label=title if "number" in css and title else None)
                for cell, (title, css) in zip(row, heads, strict=True)
            ),
        )
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scrolls")


def section(name: str, title: str, *parts: Part, more: str = "") -> Markup:
    """One panel. Its id is what the browser replaces it by."""
    heading = tag("h2", title, *([tag("small", f" {more}")] if more else []))
    return tag("section", heading, *parts, id=name, class_="panel")

# SPDX-License-Identifier: Apache-2.0
"""The limits that the program is built with, by name, out of every limits.h."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
HEADERS = ("platform/limits.h", "store/limits.h", *(f"agent/{room}/limits.h" for room in (
    "source", "trust", "render", "cluster", "supervisor")))
DEFINE = re.compile(r"^#define[ \t]+(LP_\w+)[ \t]+((?:[^\n\\]|\\\n)+)", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def _read():
    text = "\n".join(COMMENT.sub("", (TOP / header).read_text()) for header in HEADERS)
    return {name: value.replace("\\\n", " ").strip() for name, value in DEFINE.findall(text)}


def limit(name):
    """The value of LP_..., as the compiler has it."""
    defined = _read()

    def value(text):
        text = re.sub(r"\(u?int\d+_t\)", "", text)
        text = re.sub(r"\bLP_\w+\b", lambda match: str(value(defined[match[0]])), text)
        text = re.sub(r"\b(\d+)[uUlL]+\b", r"\1", text)
        if not re.fullmatch(r"[\d\s()*+/-]+", text):
            raise ValueError(f"{name}: {text} is no number")
        return eval(text.replace("/", "//"))  # noqa: S307 - digits and operators alone

    return value(defined[name])

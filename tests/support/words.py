# SPDX-License-Identifier: Apache-2.0
"""Texts of the tests with words in them that stand for what is made at run time."""

import re


def filled(text, words):
    """The text with a value for each of the `words` that stands in it, in one pass: the letters
    of a key may spell another word."""
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(pattern, lambda found: words[found.group()], text)

"""The digits in the text of an engine that knows all characters, read strictly or leniently."""

import unicodedata

ALIKE = {"0": "OoDQ〇○", "1": "lIi|/一", "2": "Zz", "5": "Ss", "6": "bG", "8": "B", "9": "gq"}
AS_DIGITS = {ord(letter): digit for digit, letters in ALIKE.items() for letter in letters}


def strictly(text):
    """Wide digits (９) are digits."""
    return "".join(character for character in unicodedata.normalize("NFKC", text) if character in "0123456789")


def leniently(text):
    """An O counts as 0, an l as 1: the engine cannot know that only digits are written."""
    return strictly(text.translate(AS_DIGITS))

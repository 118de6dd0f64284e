"""Checks the syntax of JSON text; MicroPython's json takes much that is none.

A comma or bracket that a person forgot must be reported, and where, not guessed around.
"""

import re

_SPACE = " \t\r\n"
_NUMBER = re.compile("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?$")
_WORDS = ("true", "false", "null")
_DEEPEST = 8
_LONGEST = 40  # characters of a number


class _Scanner:
    def __init__(self, text):
        self.text = text
        self.at = 0

    def fail(self, expected):
        found = "the end" if self.at >= len(self.text) else repr(self.text[self.at])
        self.complain("expected %s, found %s" % (expected, found))

    def complain(self, what):
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        raise ValueError("line %d, column %d: %s" % (line, column, what))

    def peek(self):
        """The next character that is no space; empty at the end."""
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, characters, expected):
        found = self.peek()
        if not found or found not in characters:
            self.fail(expected)
        self.at += 1
        return found

    def value(self, depth=0):
        first = self.peek()
        if depth > _DEEPEST:
            self.complain("more than %d levels" % _DEEPEST)
        if first == "{":
            self.members("}", depth, self.pair)
        elif first == "[":
            self.members("]", depth, self.value)
        elif first == '"':
            self.string()
        else:
            self.word()

    def members(self, close, depth, member):
        self.at += 1
        keys = set()
        if self.peek() == close:
            self.at += 1
            return
        while True:
            start = self.at
            key = member(depth + 1)
            if key is not None:
                if key in keys:
                    self.at = start
                    self.complain("%s stands here a second time" % key)
                keys.add(key)
            if self.take("," + close, "a comma or %s" % close) == close:
                return
            self.peek()

    def pair(self, depth):
        if self.peek() != '"':
            self.fail('a name in "..."')
        key = self.string()
        self.take(":", "a colon")
        self.value(depth)
        return key

    def string(self):
        start = self.at
        self.at += 1
        while True:
            found = self.text[self.at : self.at + 1]
            if not found or found < " ":
                self.fail('the closing "')
            self.at += 2 if found == "\\" else 1
            if found == '"':
                return self.text[start : self.at]

    def word(self):
        end = self.at
        while end < len(self.text) and self.text[end] not in ',]}:[{"' + _SPACE:
            end += 1
        word = self.text[self.at : end]
        # The length is limited because the pattern is matched by recursion.
        if word not in _WORDS and not (len(word) <= _LONGEST and _NUMBER.match(word)):
            self.fail("a value")
        self.at = end


def check(text):
    """ValueError that says line, column and what was expected, if `text` is not one JSON value."""
    scanner = _Scanner(text)
    scanner.value()
    if scanner.peek():
        scanner.fail("the end")

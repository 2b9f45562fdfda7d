"""Varied lines for tokenizers, the same for the same seed.

Shared by the maker of fixtures and the judge of tokenizers.
"""

import random
import unicodedata

# First and last character of what words of a script are made of.
SCRIPTS = {
    "latin": ("a", "z"), "capitals": ("A", "Z"), "latin-1": ("\u00c0", "\u00ff"),
    "latin extended": ("\u0100", "\u024f"), "phonetic": ("\u0250", "\u02af"),
    "greek": ("\u0370", "\u03ff"), "cyrillic": ("\u0400", "\u045f"),
    "armenian": ("\u0531", "\u0587"), "hebrew": ("\u0591", "\u05ea"),
    "arabic": ("\u0620", "\u0669"), "devanagari": ("\u0900", "\u096f"),
    "bengali": ("\u0980", "\u09fb"), "tamil": ("\u0b82", "\u0bfa"),
    "thai": ("\u0e01", "\u0e5b"), "tibetan": ("\u0f00", "\u0fbc"),
    "georgian": ("\u10a0", "\u10ff"), "jamo": ("\u1100", "\u11ff"),
    "ethiopic": ("\u1200", "\u137c"), "khmer": ("\u1780", "\u17f9"),
    "hiragana": ("\u3041", "\u309f"), "katakana": ("\u30a0", "\u30ff"),
    "han": ("\u4e00", "\u9fa5"), "hangul": ("\uac00", "\ud7a3"),
    "wide": ("\uff01", "\uff9f"), "gothic": ("\U00010330", "\U0001034a"),
    "deseret": ("\U00010400", "\U0001044f"), "cuneiform": ("\U00012000", "\U0001206e"),
    "mathematical": ("\U0001d400", "\U0001d7ff"), "han extension": ("\U00020000", "\U00020400"),
}
SPACES = [
    " ", " ", " ", " ", "\t", "\t", "\n", "\r", "\r\n", "\n", "\u000b", "\u000c", "\u0085",
    "\u00a0", "\u1680", "\u2003", "\u2009", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
]
NUMBERS = [
    "\u0660", "\u0669", "\u06f3", "\u0967", "\u0e53", "\u00bd", "\u00b2", "\u2075", "\u2167",
    "\u2460", "\u3007", "\u3021", "\u4e03", "\uff15", "\U0001d7d8", "\U00010107", "\u0bf0",
]
MARKS = ["\u0300", "\u0301", "\u0307", "\u0308", "\u0323", "\u0327", "\u034f", "\u20dd", "\u0bcd"]
EMOJI = [
    "\U0001f600", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1eb\U0001f1f7", "1\ufe0f\u20e3",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f4\u200d\u2620\ufe0f",
    "\U0001f469\U0001f3fe\u200d\U0001f52c", "\U0001f9d1\u200d\U0001f91d\u200d\U0001f9d1",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\u200d", "\ufe0f",
]
ODD = [
    "\ufffd", "\ufeff", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "\u200b", "\u200c", "\u2060",
    "\u00ad", "\u202e", "\u2066", "\u0378", "\U000e0001", "\U0001fbff", "\u017f", "\u212a",
    "\u0130", "\u00df", "\ufb05", "\u1e9e", "\u0345", "\u2126", "\u212b", "\u0344", "\u0958",
    "\U00011de0", "\u088f", "\ua7ce", "\U000323b0",
]
PUNCTUATION = list("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'") + [
    "\u2019", "\u201c", "\u201d", "\u2014", "\u2026", "\u00ab", "\u00bf", "\u3002", "\u060c",
    "\u20ac", "\u00d7", "\u2192", "\u2211", "\u00a9", "\u02c6", "...", "--", "==", "!=", "->", "::",
]
CONTRACTIONS = [
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'vE", "'M", "'Ll", "'D",
    "'\u017f", "''s", "'l", "'r", "'v", "' s", "'\u017fx", "'c", "\u2019s", "'ss", "'\u0301s",
]
WORDS = (
    "the of and to in is that it was for on are with they be at one have this from or had by word "
    "but what some we can out other were all there when up use your how said an each she which do "
    "instruction response model Below describes task Write appropriately completes request"
).split()
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CODE = [
    "def f(x):", "    return x ** 2", "\tif (a[i] != NULL) {", "for (int i = 0; i < 10; ++i)",
    "let x: [Int32] = []", "#include <stdio.h>", "SELECT * FROM t WHERE id = 42;", "}\n\n", "};",
    "https://example.org/a?b=c&d=%20e#f", "user@example.org", "C:\\temp\\x.txt", "0x7fFFab12",
    "x_1 = snake_case + camelCase", "<div class=\"a\">&nbsp;</div>", "// TODO: fix", "${HOME}/.rc",
    "\\u00e9\\n", "print(f\"{a:>10.3f}\")", "3.14159e-10", "2024-06-11T12:34:56Z", "1,000,000",
]


class LineMaker:
    """Makes lines from pieces; `specials` are texts of added tokens that shall stand in some."""

    def __init__(self, seed, specials=()):
        self.rng = random.Random(seed)
        self.specials = list(specials)
        self.makers = [
            (14, lambda: self.rng.choice(WORDS)), (5, lambda: " " + self.rng.choice(WORDS)),
            (8, self.word), (5, self.spaces), (5, self.digits), (3, self.marked),
            (3, lambda: self.rng.choice(EMOJI)), (2, lambda: self.rng.choice(ODD)),
            (6, self.punctuation), (3, self.contraction), (3, lambda: self.rng.choice(CODE)),
            (1, lambda: chr(self.rng.choice([*range(0x20), *range(0x7F, 0xA0)]))),
            (1, self.repeated), (1, self.any_character), (4 if self.specials else 0, self.special),
        ]

    def word(self):
        first, last = SCRIPTS[self.rng.choice(list(SCRIPTS))]
        length = self.rng.choice([1, 2, 2, 3, 3, 4, 5, 6, 8, 12])
        return "".join(chr(self.rng.randint(ord(first), ord(last))) for _ in range(length))

    def spaces(self):
        if self.rng.random() < 0.5:
            return self.rng.choice(SPACES) * self.rng.choice([1, 2, 3, 4, 8, 17])
        return "".join(self.rng.choice(SPACES) for _ in range(self.rng.randint(1, 5)))

    def digits(self):
        if self.rng.random() < 0.3:
            return "".join(self.rng.choice(NUMBERS) for _ in range(self.rng.randint(1, 4)))
        return str(self.rng.randint(0, 10 ** self.rng.randint(1, 12)))

    def marked(self):
        if self.rng.random() < 0.5:
            return unicodedata.normalize("NFD", self.rng.choice(["\u00e9t\u00e9", "\u1ec7", "\ud55c"]))
        return "".join(
            self.rng.choice(WORDS)[0] + self.rng.choice(MARKS) for _ in range(self.rng.randint(1, 3))
        )

    def punctuation(self):
        return "".join(self.rng.choice(PUNCTUATION) for _ in range(self.rng.choice([1, 1, 2, 3])))

    def contraction(self):
        return self.rng.choice(["it", "we", "", "\u00e9", "I", "9"]) + self.rng.choice(CONTRACTIONS)

    def repeated(self):
        return self.rng.choice(["a", "=", " ", "-", "ab", "\u4e00", "0", "\n", "\U0001f600"]) * (
            self.rng.randint(2, 60)
        )

    def any_character(self):
        code = self.rng.randint(0, 0x10FFFF)
        return "x" if 0xD800 <= code < 0xE000 else chr(code)

    def special(self):
        text = self.rng.choice(self.specials)
        change = self.rng.random()
        if change < 0.15:
            text = text[: self.rng.randint(1, len(text))]
        elif change < 0.2:
            text = text.upper()
        return self.rng.choice(["", "", " ", "  ", "\n", "x"]) + text + self.rng.choice(["", "", " ", "\t ", "y"])

    def line(self):
        makers = self.rng.choices(
            [maker for _, maker in self.makers], [weight for weight, _ in self.makers],
            k=self.rng.randint(1, 9),
        )
        joint = self.rng.choice(["", "", " ", " "])
        return joint.join(maker() for maker in makers)

    def lines(self, count):
        return ["", " ", "\n", "'", "  a"][:count] + [self.line() for _ in range(count - 5)]

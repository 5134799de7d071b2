"""The table of labels that people see for the thousand classes, and that the glossary knows its words."""

import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER, *ROWS = (ROOT / "infra/models/efficientnet-lite0/labels.tsv").read_text(encoding="utf-8").splitlines()
GLOSSARY = (ROOT / "infra/local/src/translator/glossary.tsv").read_text(encoding="utf-8").splitlines()[1:]
# The first English word of a row is the label, the others lead to it.
ENGLISH = [row.split("\t")[0].split("|") for row in GLOSSARY]
# Said of a picture by its shape and light.
MEASURED = {"landscape", "portrait", "square", "panorama", "dark", "bright", "sharp", "blurred", "monochrome", "transparent"}


def rows():
    for row in ROWS:
        number, label, broader = row.split("\t")
        yield int(number), label, [word for word in broader.split("|") if word]


class Labels(unittest.TestCase):
    def test_every_class_has_a_label_of_its_own(self):
        self.assertEqual(HEADER.split("\t"), ["class", "label", "broader labels"])
        self.assertEqual([number for number, _, _ in rows()], list(range(1000)))
        twice = [label for label, count in Counter(label for _, label, _ in rows()).items() if count > 1]
        self.assertEqual(twice, [])

    def test_there_are_at_most_four_broader_labels_and_none_twice(self):
        for number, label, broader in rows():
            self.assertLessEqual(len(broader), 4, f"class {number}")
            self.assertEqual(len({label, *broader}), 1 + len(broader), f"class {number}")

    def test_labels_are_in_lower_case_and_trimmed(self):
        for number, label, broader in rows():
            for word in [label, *broader]:
                self.assertEqual(word, " ".join(word.lower().split()), f"class {number}")
                self.assertTrue(word.isprintable() and len(word) <= 100, f"class {number}")

    def test_every_broader_label_is_spelled_as_the_glossary_spells_it_and_translated(self):
        known = {words[0] for words in ENGLISH}
        unknown = {word for _, _, broader in rows() for word in broader} - known
        self.assertEqual(unknown, set())

    def test_no_label_is_what_the_glossary_has_under_another_name(self):
        other = {word for words in ENGLISH for word in words[1:]}
        for number, label, broader in rows():
            self.assertEqual({label, *broader} & other, set(), f"class {number}")

    def test_the_three_hundred_commonest_labels_are_translated(self):
        known = {words[0] for words in ENGLISH}
        self.assertGreaterEqual(len({word for _, label, broader in rows() for word in [label, *broader]} & known), 300)

    def test_no_label_says_what_is_measured_in_the_pixels(self):
        for number, label, broader in rows():
            self.assertEqual({label, *broader} & MEASURED, set(), f"class {number}")


if __name__ == "__main__":
    unittest.main()

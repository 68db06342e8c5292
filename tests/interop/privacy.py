#!/usr/bin/env python3
"""Looks for the invented patients of demo, xdsgen and the IPF client in logs and metrics. Exit status 1 if any is found.

Usage: privacy.py FILE...     Names the file and the kind of find, never the line.

Patients have BSNs of the test range that pass the eleven-test. Names, birth dates and titles are those that the generators
use. Each is also looked for percent-encoded and base64-encoded. Before anything else a planted find must be found.
"""
import base64
import re
import sys
import urllib.parse

WORDS = ["van den Berg", "de Vries", "Jansen", "Bakker", "Visser", "Meijer", "Mulder", "Dekker",
         "19560527", "Diagnostic imaging study", "Laboratory report", "Discharge summary", "Consultation note",
         "Summary of episode note", "Verslag "]
BSN = re.compile(r"(?<![0-9.])999\d{6}(?![0-9])")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def eleven(text):
    return sum(int(c) * w for c, w in zip(text, (9, 8, 7, 6, 5, 4, 3, 2, -1))) % 11 == 0


def kinds(text):
    found = {f"name or title {w.split()[0][:3]}…" for w in WORDS if w in text}
    if any(eleven(m.group()) for m in BSN.finditer(text)):
        found.add("patient identifier")
    return found


def search(text):
    found = kinds(text) | kinds(urllib.parse.unquote_plus(text))
    for match in BASE64.finditer(text):
        for offset in range(4):
            piece = match.group().rstrip("=").replace("-", "+").replace("_", "/")[offset:]
            piece = piece[:len(piece) // 4 * 4]
            try:
                found |= kinds(base64.b64decode(piece).decode("latin-1"))
            except ValueError:
                pass
    return found


def planted():
    patient = "999990019^^^&2.16.840.1.113883.2.4.6.3&ISO"
    for text in [patient, "a de Vries b", "a=" + "".join(f"%{b:02X}" for b in patient.encode()),
                 "x " + base64.b64encode(b"xy" + patient.encode()).decode()]:
        assert search(text), "a planted find was not found"
    assert not search("2026-11-21T09:00:00.999123456Z registered a submission of 5 entries")


def main():
    planted()
    bad = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8", errors="replace") as file:
            found = search(file.read())
        for kind in sorted(found):
            print(f"FAIL: {name} holds a {kind}")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())

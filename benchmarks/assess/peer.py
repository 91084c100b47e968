"""
Runs presidio-analyzer, patterns only, over a slice of a file: for as long as allowed.

Runs inside ``build/bench-venv``. No language model is used (a blank pipeline), so names
and places are not asked for: both sides look for what patterns can show. Prints one
JSON line: bytes read, processor seconds, matches by type.
"""

from __future__ import annotations

import collections
import json
import sys
import time
from pathlib import Path

import spacy  # type: ignore[import-not-found] # lives in build/bench-venv
import tldextract  # type: ignore[import-not-found] # lives in build/bench-venv
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

# Presidio is given documents, as its users do; a page of text is its usual size.
_DOCUMENT = 4096


def analyzer() -> AnalyzerEngine:
    """Return presidio with all pattern recognisers for English and a blank pipeline."""
    # Its e-mail recogniser would fetch a list of domain endings: use the shipped one.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=["en"])


def main() -> int:
    """Read the file named first for as many processor seconds as the second argument says."""
    path, seconds = Path(sys.argv[1]), float(sys.argv[2])
    text = path.read_text(encoding="utf-8", errors="replace")
    peer = analyzer()
    peer.analyze(text[:_DOCUMENT], language="en")  # loads what it loads lazily
    kinds: collections.Counter[str] = collections.Counter()
    done = 0
    began = time.process_time()
    while done < len(text) and time.process_time() - began < seconds:
        for match in peer.analyze(text[done : done + _DOCUMENT], language="en"):
            kinds[match.entity_type] += 1
        done += _DOCUMENT
    spent = time.process_time() - began
    size = len(text[:done].encode("utf-8"))
    print(json.dumps({"bytes": size, "seconds": spent, "kinds": dict(kinds.most_common())}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Made by `python -m worker.law.build`."""

PACK_VERSION = "2026-11-27"

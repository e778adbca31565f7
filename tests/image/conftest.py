"""The builder of the card is a folder of Python modules (image/builder)."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "image" / "builder"))

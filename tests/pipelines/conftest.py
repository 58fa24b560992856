"""The stages of the suites that these tests build on."""

from __future__ import annotations

import sys
from pathlib import Path

for suite in ("forges", "conformance", "canary"):
    sys.path.append(str(Path(__file__).parent.parent / suite))

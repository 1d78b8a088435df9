"""Every kind of slip, by what must become of it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.diffs.slips_bodies import BODIES
from tests.diffs.slips_content import CONTENT
from tests.diffs.slips_form import FRAME, Slip
from tests.diffs.slips_headers import HEADERS
from tests.diffs.slips_judgement import JUDGED
from tests.diffs.slips_mills import MILLED
from tests.diffs.slips_misread import MISREAD
from tests.diffs.slips_refused import UNSURE

FORM: Mapping[str, Slip] = {**FRAME, **HEADERS, **BODIES, **MILLED}
"""must come back exactly"""
REFUSED: Mapping[str, tuple[Slip, frozenset[str]]] = {**UNSURE, **MISREAD}
"""the slip, and the codes of which any is right"""

__all__ = ["CONTENT", "FORM", "JUDGED", "REFUSED", "Slip"]

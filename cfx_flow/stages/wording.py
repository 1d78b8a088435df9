"""The last resort: what the last user turn asks for, from its own words, in English and Turkish.

The rules, in order; the first that hits decides, and no hit leaves the stage open:

1. a diff in the turn → review
2. the first word or phrase of the lists below → its stage. The first, because people say what
   they want before they say about what: "plan how to implement X" is a plan, "implement the
   plan" is code, "review this fix" is a review.

Before that the turn is stripped of what is not the person's request: editors' tagged sections,
fenced code, quoted lines. Letters are compared without case and accents ("DÜZELT", "duzelt").
"""

from __future__ import annotations

import re
import unicodedata

from cfx_flow.stages.model import StageName

HEAD_CHARS = 4_000
"""of a turn whose words count: a request stands before what it is about"""
DIFF_CHARS = 200_000
OWN_CHARS = 50_000
"""that are searched for what is not the request"""

_DIFF = re.compile(
    r"^(?:diff --git \S|--- [^\n]{1,500}\n\+\+\+ |@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@)", re.MULTILINE
)
_NOT_THE_REQUEST = re.compile(
    r"<(environment_details|file_content|files?|slug)\b.*?(?:</\1>|\Z)|^```.*?(?:^```|\Z)|^>[^\n]*$",
    re.DOTALL | re.MULTILINE,
)

_REVIEW = (
    r"(?:code )?review(?:s|ed|ing)?|audit|critique",
    r"find (?:the |any |all )?(?:bugs|problems|vulnerabilities)",
    r"(?:is|are) (?:this|these|it|that)(?: \w+){0,2} (?:safe|secure|correct|ok(?:ay)?)",
    r"incele\w*|gozden gecir\w*|denetle\w*|kontrol et\w*|guvenlik aci\w*",
)
_PLAN = (
    r"plan (?:out|how|for|the|a|an|this)|make a plan",
    r"(?:write|create|draft|give me|propose) (?:a|the|an) (?:\w+ )?"
    r"(?:plan|spec(?:ification)?|design|proposal|roadmap)",
    r"design|architect(?:ure)?|brainstorm|outline|explain|describe|compare",
    r"how (?:to|do|does|did|would|should|can|could)|should (?:i|we)",
    r"(?:(?<=^)|(?<=[.!?\n] )|(?<=\n))(?:what|why|how|when|which|where|who)",
    r"planla\w*|plan (?:yap|cikar|hazirla|olustur)\w*|tasarla\w*|mimari\w*",
    r"acikla\w*|anlat\w*|karsilastir\w*|nasil|neden|nicin|niye|nedir",
)
_CODE = (
    r"implement(?:s|ed|ing)?|fix(?:es|ed|ing)?|refactor(?:s|ed|ing)?|write|add|create|build|code|rename|remove",
    r"delete|replace|change|update|modify|convert|port|migrate|debug|optimi[sz]e|extend|generate|patch|make",
    r"yaz\w*|ekle\w*|duzelt\w*|degistir\w*|uygula\w*|gelistir\w*|olustur\w*|kodla\w*|guncelle\w*|kaldir\w*",
    r"sil(?:er|in|ip|elim|ebilir\w*)?|donustur\w*|cevir\w*|hata\w* (?:gider|coz)\w*|coz\w*",
    r"yap(?:ar|in|abilir\w*)?",
)
_WANTED = re.compile(
    "|".join(
        rf"(?P<{stage.value}>\b(?:{'|'.join(words)})\b)"
        for stage, words in (
            (StageName.REVIEW, _REVIEW),
            (StageName.PLAN, _PLAN),
            (StageName.CODE, _CODE),
        )
    )
)


def stage_of_request(text: str) -> StageName | None:
    if _DIFF.search(text[:DIFF_CHARS]):
        return StageName.REVIEW
    own = _NOT_THE_REQUEST.sub(" ", text[:OWN_CHARS])
    found = _WANTED.search(fold(own[:HEAD_CHARS]))
    return StageName(str(found.lastgroup)) if found else None


def fold(text: str) -> str:
    """Without case and accents, and with one i: Turkish has two, and English capitals neither."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char)).replace("ı", "i")

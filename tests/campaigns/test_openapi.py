"""Every operation of the OpenAPI document, with data that fits it and data that does not: the document tells the
truth, and no answer is an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from cfx_flow.workspace.archive import pack
from cfx_flow.workspace.snapshot import PLAIN, Snapshot
from tests.campaigns.rubbish import spoilt
from tests.campaigns.test_bad_requests import answers_well
from tests.support.campaign import scaled
from tests.support.watched import Watched

CASES_PER_OPERATION = 80
"""fitting and not fitting each"""

NOT_CHECKED = [
    ignored_auth,  # the key is the session's, not one that schemathesis made up
    positive_data_acceptance,  # a cursor of ours, a tar.gz, a year at most: no schema can say it
]
ARCHIVE = pack(Snapshot({"a.py": b"print(1)\n", "b/c.py": b""}, {"a.py": PLAIN, "b/c.py": PLAIN}))
schemathesis.openapi.media_type("application/gzip", spoilt(st.just(ARCHIVE)))


@pytest.fixture
def session(watched: Watched) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["authorization"] = f"Bearer {watched.keys[0]}"
        yield session


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: str(mode.value))
def test_every_operation_does_as_the_document_says(
    watched: Watched, at_rest: dict[str, Any], session: requests.Session, mode: GenerationMode
) -> None:
    answers_well(watched)
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(session.get(f"{watched.url}/openapi.json").json(), config=config)
    failures = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        watched.state("later")
        try:
            _attack(operation, mode, watched, session)
        except Unsatisfiable:
            assert mode.is_negative, f"{operation.label} cannot be asked at all"
        except (FailureGroup, AssertionError) as error:
            failures[f"{operation.label} {mode}"] = f"{error}"[:1500]
    assert not failures, "\n\n".join(f"{label}\n{told}" for label, told in failures.items())
    watched.settled(at_rest)


def _attack(operation: Any, mode: GenerationMode, watched: Watched, session: requests.Session) -> None:
    @settings(
        max_examples=scaled(CASES_PER_OPERATION),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        response = case.call(base_url=watched.url, session=session, timeout=20)
        case.validate_response(response, excluded_checks=NOT_CHECKED)
        assert response.status_code != 500

    run()

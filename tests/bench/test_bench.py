"""That the benchmarks measure what they say: every call as it must be. How fast is not checked here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.deployment import Deployment, deployed
from tests.bench.reference import Reference, noops_per_second, refer
from tests.bench.shape import STANDARD
from tests.bench.throughput import Workload
from worker.dev.stack import Stack


@pytest.fixture(scope="module")
def there(stack: Stack) -> Iterator[Deployment]:
    with deployed(stack, "bench_test", has_reference=True) as running:
        yield running


@pytest.fixture(scope="module")
def workload(there: Deployment) -> Workload:
    return Workload(there, 3 * STANDARD.campaigns)


@pytest.mark.slow
def test_a_round_calls_every_contact_once_and_counts_what_that_took(there: Deployment, workload: Workload) -> None:
    one = workload.round(refer(there, 20, noops_per_second))  # judges every call, and the invariants, itself

    assert one.calls == 3 * STANDARD.campaigns
    assert one.commands["engine:statements"] > STANDARD.campaigns  # each campaign was opened with several
    assert one.commands["engine:commands"] > STANDARD.campaigns  # each was a message
    assert one.commands["receipt:statements"] >= 1


@pytest.mark.slow
def test_a_round_in_which_a_call_was_placed_twice_is_refused(there: Deployment, workload: Workload) -> None:
    there.sql("""
        CREATE FUNCTION note_another() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, outcome)
            VALUES ('simulator', NEW.token, 'again', 'another', 'ringing', 'orphan');
            RETURN NULL;
        END $$""")
    there.sql("CREATE TRIGGER another AFTER INSERT ON calls FOR EACH ROW EXECUTE FUNCTION note_another()")

    with pytest.raises(AssertionError, match="other than three events"):
        workload.round(Reference(1.0, {}))

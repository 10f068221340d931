"""A provider that refuses work closes its pool: no attempt is burnt, and nobody starts only to hit the wall."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import (
    AgentMode,
    AgentView,
    Candidate,
    Ending,
    Holding,
    Policy,
    TaskStatus,
    Verdict,
    demand,
    match,
    settle,
)
from scheduler_defs.agents.deciding.quotas import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PoolState,
    QuotaView,
    Rejection,
    Window,
    closed,
    left_to_people,
    opened,
    room_again,
    view,
)
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.quotas import store
from scheduler_defs.agents.quotas.complaints import Holdup
from scheduler_defs.agents.quotas.messages import denied, rejection
from scheduler_defs.agents.working.transcript import understand
from tests.unit.agents.bench import Bench
from tests.unit.agents.yard import placed
from tests.unit.task_queue.asking import add, comments

NOW = dt.datetime(2026, 11, 28, 23, 50, tzinfo=dt.UTC)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.case("agents-X-quota")
@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("Claude AI usage limit reached|1795917600", at("2026-11-29 02:00")),
        ("You've hit your usage limit. Try again at Nov 29th, 2026 12:00 AM.", at("2026-11-29 00:00")),
        ("You've hit your usage limit. Try again at 12:17 AM.", at("2026-11-29 00:17")),
        ("You've hit your session limit · resets 12:17am (UTC)", at("2026-11-29 00:17")),
        ("You've hit your session limit · resets 9am (America/Chicago)", at("2026-11-29 15:00")),
        ("You've hit your usage limit. Try again in 2 hours 10 minutes", at("2026-11-29 02:00")),
        ("HTTP 429 Too Many Requests\nRetry-After: 120", at("2026-11-28 23:52")),
        ("API Error: Request rejected (429) · this may be a temporary capacity issue", None),
        ("litellm.RateLimitError: RateLimitError: OpenAIException\nRetrying in 0.2 seconds", None),
        ('API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}', None),
    ],
)
def test_given_what_the_known_programs_say_then_the_refusal_and_its_end_are_understood(
    text: str, until: dt.datetime | None
) -> None:
    found = rejection(text.splitlines(), NOW)
    assert found is not None
    assert found.until == until


@pytest.mark.parametrize(
    "text", ["429 tests passed", "the limit of 5 items", "rate limits are documented", "done at 9am", ""]
)
def test_given_other_words_then_nothing_is_refused(text: str) -> None:
    assert rejection([text], NOW) is None


def test_given_a_pattern_of_the_pool_then_its_groups_say_when_it_ends() -> None:
    assert rejection(["brownout 90"], NOW, [r"brownout (?P<seconds>\d+)"]) == Rejection(
        NOW + dt.timedelta(seconds=90), "brownout 90"
    )
    found = rejection(["back at 2026-11-29T03:00"], NOW, [r"back at (?P<until>\S+)"])
    assert found is not None
    assert found.until == at("2026-11-29 03:00")


def test_given_the_json_lines_of_a_subscription_then_session_reset_and_tokens_are_read() -> None:
    lines: list[dict[str, Any]] = [
        {"type": "system", "subtype": "init", "session_id": "s-1"},
        {"type": "assistant", "message": {"usage": {"input_tokens": 99}}, "session_id": "s-1"},
        {
            "type": "rate_limit_event",
            "rate_limit_info": {"status": "rejected", "resetsAt": 1795917600, "rateLimitType": "five_hour"},
        },
        {
            "type": "result",
            "subtype": "success",
            "is_error": True,
            "api_error_status": 429,
            "result": "You've hit your session limit",
            "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 9},
            "num_turns": 2,
            "total_cost_usd": 0.5,
        },
    ]
    found = understand(["starting", *map(json.dumps, lines)], NOW)
    assert (found.session, found.cli, found.tokens, found.cached) == ("s-1", "claude", 7, 9)
    assert found.rejection == Rejection(at("2026-11-29 02:00"), "five_hour limit reached")


def test_given_a_task_that_speaks_of_limits_then_what_the_model_says_is_not_taken_for_a_refusal() -> None:
    said = {"type": "assistant", "message": {"content": "HTTP 429 Too Many Requests is what we must handle"}}
    assert understand([json.dumps(said)], NOW).rejection is None


@pytest.mark.parametrize(
    "text",
    ["unexpected status 401 Unauthorized", "Invalid API key · Please run /login", "authentication_error"],
)
def test_given_a_refused_login_then_it_is_told_from_a_limit(text: str) -> None:
    assert denied([text]) == text
    assert rejection([text], NOW) is None


RETRY = {
    "type": "system",
    "subtype": "api_retry",
    "attempt": 1,
    "error_status": 401,
    "error": "authentication_failed",
}
OPENCODE = {"name": "APIError", "data": {"message": "invalid x-api-key", "statusCode": 401}}
BUSY = "litellm.RateLimitError: RateLimitError: OpenAIException - You've hit your usage limit."
STUCK = (
    'timestamp=2026-11-30T07:12:02Z level=ERROR message="stream error" error="You\'ve hit your usage limit."'
)


def test_given_the_error_of_opencode_then_its_login_is_refused_or_its_limit_is_told() -> None:
    found = understand([json.dumps({"type": "error", "sessionID": "ses_1", "error": OPENCODE})], NOW)
    assert (found.session, found.denied, found.rejection) == (
        "ses_1",
        "error status 401: invalid x-api-key",
        None,
    )
    data = {"message": "Too much", "statusCode": 429, "responseHeaders": {"retry-after": "120"}}
    found = understand([json.dumps({"type": "error", "error": {"name": "APIError", "data": data}})], NOW)
    assert found.rejection == Rejection(NOW + dt.timedelta(minutes=2), "error status 429: Too much")


def test_given_a_program_that_tries_again_then_that_counts_only_until_it_gets_through() -> None:
    retry = json.dumps(RETRY)
    assert understand([retry, retry], NOW).denied == "error status 401: authentication_failed"
    assert understand([retry, json.dumps({"type": "assistant", "message": {}})], NOW).denied is None


def test_given_aider_that_gives_up_at_an_error_and_ends_with_0_then_that_is_known() -> None:
    told = [
        "I read about RateLimitError.",
        BUSY,
        "The API provider has rate limited you.",
        "Retrying in 0.2 seconds...",
    ]
    found = understand([*told, BUSY], NOW)
    assert found.broke_off == BUSY
    assert found.rejection is not None
    through = understand([*told, "Done.", "Tokens: 2.0k sent, 42 received."], NOW)
    assert through.broke_off is None
    denied = understand(["litellm.AuthenticationError: AuthenticationError: invalid x-api-key"], NOW)
    assert denied.denied is not None
    assert denied.rejection is None


@pytest.mark.parametrize(
    ("refused", "through"),
    [
        (json.dumps(RETRY), json.dumps({"type": "assistant", "message": {}})),
        (STUCK, json.dumps({"type": "step_finish", "part": {}})),
        (BUSY, "Tokens: 2.0k sent, 42 received."),
        ("brownout, wait", "going on"),
    ],
)
def test_given_a_program_that_waits_for_its_provider_in_its_slot_then_it_is_known_since_when(
    refused: str, through: str
) -> None:
    holdup = Holdup(["brownout"])
    holdup.add(["Error: no such file", "I think of 429 Too Many Requests"], 1.0, NOW)
    assert holdup.held is None
    holdup.add([refused], 5.0, NOW)
    holdup.add(["Retrying in 16.0 seconds...", "", refused], 50.0, NOW)
    assert holdup.held is not None
    assert holdup.held.since == 5.0
    holdup.add([through], 55.0, NOW)
    assert holdup.held is None


def waiting(bench: Bench, line: str) -> None:
    bench.python(f"import time; print({line!r}, flush=True); time.sleep(60)", grace="1s")


def test_given_a_limit_that_the_program_waits_out_then_its_slot_is_free_and_no_attempt_is_burnt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_defs.agents.working.watching.LOOK_EVERY", 0.1)
    monkeypatch.setattr("scheduler_defs.agents.quotas.complaints.PATIENCE_SECONDS", 0.5)
    waiting(bench, BUSY + " Try again in 2 hours")
    id = add(bench.queue)
    bench.run()
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0)
    assert "it has tried again for" in comments(bench.queue, id)[-1]
    with database.engine().connect() as connection:
        until = store.pools(connection)["agent:vaela"].state.closed_until
    assert until is not None
    assert until - dt.datetime.now(dt.UTC) > dt.timedelta(minutes=110)


def test_given_a_login_that_the_program_tries_again_then_the_agent_is_paused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler_defs.agents.working.watching.LOOK_EVERY", 0.1)
    monkeypatch.setattr("scheduler_defs.agents.quotas.complaints.PATIENCE_SECONDS", 0.5)
    waiting(bench, json.dumps(RETRY))
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).attempts == 0
    with database.engine().connect() as connection:
        state = agent_states.states(connection)["vaela"]
    assert state.mode is AgentMode.PAUSED
    assert "its login is refused: error status 401" in (state.reason or "")


def test_given_a_program_that_ends_with_0_at_its_providers_refusal_then_the_task_is_not_done(
    bench: Bench,
) -> None:
    bench.python(f"print({BUSY!r})")
    id = add(bench.queue)
    bench.run()
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0), comments(bench.queue, id)


def test_given_rejections_without_a_time_then_the_pauses_grow_and_then_one_run_probes() -> None:
    state, now, pauses = PoolState(), NOW, list[dt.timedelta]()
    for _ in range(9):
        state = closed(state, Rejection(None, "busy"), now)
        assert state.closed_until is not None
        assert view("p", state, 0, now).left == 0
        pauses.append(state.closed_until - now)
        now = state.closed_until
        assert [view("p", state, active, now).left for active in (0, 1, 5)] == [1, 0, 0]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert opened(state, now, NOW) == PoolState()
    assert opened(state, NOW, NOW) == state, "a run from before says nothing"


def test_given_a_reset_that_was_told_then_it_stands_and_nonsense_does_not() -> None:
    later = NOW + dt.timedelta(hours=3)
    state = closed(PoolState(), Rejection(later, "limit"), NOW)
    assert view("p", state, 4, later).left is None
    assert closed(state, Rejection(NOW + FIRST_PAUSE, "limit"), NOW).closed_until == later
    assert closed(state, Rejection(None, "busy"), NOW).closed_until == later
    far = closed(PoolState(), Rejection(NOW + dt.timedelta(days=400), "limit"), NOW)
    assert far.closed_until == NOW + FIRST_PAUSE


def test_given_a_share_that_is_peoples_then_agents_rest_from_there_until_the_window_begins_anew() -> None:
    resets = NOW + dt.timedelta(hours=3)
    info = {"status": "allowed_warning", "utilization": 0.85, "resetsAt": resets.timestamp()}
    event = {"type": "rate_limit_event", "rate_limit_info": {**info, "rateLimitType": "five_hour"}}
    found = understand([json.dumps(event)], NOW)
    assert found.rejection is None
    assert found.window == Window(0.85, resets, "five_hour")
    assert found.window is not None
    rest = left_to_people(found.window, 0.2, NOW)
    assert rest is not None
    assert rest.until == resets
    assert rest.reason == "20% of the five_hour window are left to people, 85% are used"
    assert left_to_people(found.window, 0.1, NOW) is None
    assert left_to_people(found.window, 0.2, resets) is None
    assert left_to_people(found.window, 0.0, NOW) is None


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 50)), max_size=20), st.integers(1, 400))
def test_given_counted_tokens_then_agents_rest_until_enough_of_them_are_older_than_the_window(
    turns: list[tuple[int, int]], allowed: int
) -> None:
    length = dt.timedelta(minutes=300)
    used = [(NOW - length + dt.timedelta(minutes=at), tokens) for at, tokens in sorted(turns)]
    until = room_again(used, allowed, length)

    def in_window(moment: dt.datetime) -> int:
        return sum(tokens for began, tokens in used if began > moment - length)

    if until is None:
        assert sum(tokens for _, tokens in used) < allowed
    else:
        assert in_window(until) < allowed
        assert in_window(until - dt.timedelta(seconds=1)) >= allowed


def test_given_a_pool_whose_tokens_are_counted_then_nothing_starts_when_agents_have_had_their_share(
    bench: Bench,
) -> None:
    bench.head["quotas"] = {"acme": {"reserve": "20%", "window": "5h", "tokens": 1000}}
    usage = {"type": "turn.completed", "usage": {"input_tokens": 700, "output_tokens": 100}}
    bench.python(f"print({json.dumps(usage)!r})", quota="acme")
    first, second = add(bench.queue), add(bench.queue)
    bench.run()
    assert bench.queue.get(first).status is TaskStatus.COMPLETE
    passed = bench.look()
    assert placed(passed) == []
    assert "quota acme closed until" in passed.agents
    declared = bench.declarations
    with database.engine().connect() as connection:
        (state,) = store.states(
            connection, declared.quotas, declared.agents, dt.datetime.now(dt.UTC)
        ).values()
    assert state.reason == "800 of 800 fresh tokens of its window are used"
    assert bench.queue.get(second).status is TaskStatus.IDLE


def test_given_a_program_that_says_how_full_its_window_is_then_the_rest_is_left_to_people(
    bench: Bench,
) -> None:
    resets = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=2)
    info = {"status": "allowed_warning", "utilization": 0.9, "resetsAt": resets.timestamp()}
    bench.head["quotas"] = {"acme": {"reserve": "20%"}}
    bench.python(
        f"print({json.dumps({'type': 'rate_limit_event', 'rate_limit_info': info})!r})", quota="acme"
    )
    first, _ = add(bench.queue), add(bench.queue)
    bench.run()
    assert bench.queue.get(first).status is TaskStatus.COMPLETE
    with database.engine().connect() as connection:
        assert store.pools(connection)["acme"].state.closed_until == resets
    assert placed(bench.look()) == []


AGENTS = st.lists(
    st.tuples(st.sampled_from(["p", "q", ""]), st.integers(1, 4), st.integers(0, 4)), min_size=1, max_size=5
)
LEFT = st.one_of(st.none(), st.integers(0, 3))


@given(
    agents=AGENTS,
    left=st.fixed_dictionaries({"p": LEFT, "q": LEFT}),
    priorities=st.lists(st.integers(0, 9), max_size=25),
)
def test_given_any_pools_then_nothing_starts_in_a_closed_one_and_the_best_tasks_go_first(
    agents: list[tuple[str, int, int]], left: dict[str, int | None], priorities: list[int]
) -> None:
    views = [
        AgentView(f"a{n}", limit, active, quota=QuotaView(pool, left[pool]) if pool else None)
        for n, (pool, limit, active) in enumerate(agents)
    ]
    tasks = [Candidate(id, NOW, priority=priority) for id, priority in enumerate(priorities, start=1)]
    decided = match(tasks, views, now=NOW, policy=Policy(ageing=None))
    pool_of = {agent.name: agent.quota.name if agent.quota else "" for agent in views}
    for pool, most in left.items():
        started = sum(pool_of[placement.agent] == pool for placement in decided.placed)
        assert most is None or started <= most
    best = sorted(tasks, key=lambda task: (-task.priority, task.id))
    assert [p.task for p in decided.placed] == [task.id for task in best[: len(decided.placed)]]
    room = sum(agent.free for agent in views if agent.takes_work(NOW))
    assert len(decided.placed) <= room
    if tasks:
        assert demand(views, tasks[0].kind, NOW) == room


@given(attempts=st.integers(1, 5), limit=st.integers(1, 5), uncounted=st.integers(0, 20))
def test_given_a_refusal_at_any_attempt_then_none_is_burnt(attempts: int, limit: int, uncounted: int) -> None:
    task = Holding(TaskStatus.WORKING, True, attempts, limit, uncounted)
    for ending in (Ending.RATE_LIMITED, Ending.UNREADY):
        assert settle(task, ending, wait=None, now=NOW).verdict is Verdict.GIVE_BACK


def limited(bench: Bench, line: str, **fields: Any) -> None:
    bench.head["quotas"] = {"acme": {}}
    bench.python(f"import sys; print({line!r}); sys.exit(1)", quota="acme", **fields)


@pytest.mark.case("agents-X-quota")
def test_given_a_limit_with_its_reset_then_no_attempt_is_burnt_and_the_pool_rests_until_then(
    bench: Bench,
) -> None:
    until = int((dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)).timestamp())
    limited(bench, f"Claude AI usage limit reached|{until}")
    id = add(bench.queue, "limit: build it")
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0)
    assert "that counts as no attempt" in comments(bench.queue, id)[-1]
    with database.engine().connect() as connection:
        pool = store.pools(connection)["acme"]
        state = agent_states.states(connection).get("vaela", agent_states.AgentState())
    assert pool.state.closed_until == dt.datetime.fromtimestamp(until, tz=dt.UTC)
    assert (pool.run_id, state.failed_starts, state.mode) == (run.run_id, 0, AgentMode.ON)
    passed = bench.look()
    assert placed(passed) == []
    assert "quota acme closed until" in passed.agents


@pytest.mark.case("agents-X-quota")
def test_given_an_agent_without_a_pool_then_it_rests_alone_and_a_report_can_say_until_when(
    bench: Bench,
) -> None:
    bench.python(
        """
        import json, os, pathlib
        pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(
            json.dumps({"status": "rate_limited", "retry_after": 600})
        )
        """
    )
    id = add(bench.queue)
    bench.run()
    assert bench.queue.get(id).attempts == 0
    with database.engine().connect() as connection:
        closed_until = store.pools(connection)["agent:vaela"].state.closed_until
    assert closed_until is not None
    assert dt.timedelta(seconds=500) < closed_until - dt.datetime.now(dt.UTC) < dt.timedelta(seconds=601)


@pytest.mark.case("agents-X-quota")
def test_given_a_refused_login_then_the_agent_is_paused_with_the_reason_and_no_attempt_is_burnt(
    bench: Bench,
) -> None:
    bench.python("import sys; print('unexpected status 401 Unauthorized', file=sys.stderr); sys.exit(1)")
    id = add(bench.queue)
    run = bench.run()
    assert "401 Unauthorized" in run.tags[tags.ERROR]
    assert bench.queue.get(id).attempts == 0
    with database.engine().connect() as connection:
        state = agent_states.states(connection)["vaela"]
    assert (state.mode, state.actor) == (AgentMode.PAUSED, "signalbox")
    assert "401" in (state.reason or "")


@pytest.mark.case("agents-X-attempts-infra")
def test_given_lost_workers_then_the_first_five_are_no_attempts_and_then_they_count() -> None:
    verdicts = [
        settle(Holding(TaskStatus.WORKING, True, 1, 1, lost), Ending.WORKER_LOST, now=NOW).verdict
        for lost in range(7)
    ]
    assert verdicts == [Verdict.GIVE_BACK] * 5 + [Verdict.DEAD_LETTER] * 2


@pytest.mark.case("agents-X-attempts-infra")
def test_given_a_worker_that_is_lost_then_the_task_goes_back_with_its_attempt(bench: Bench) -> None:
    from tests.unit.task_queue.asking import request

    id = add(bench.queue)
    for lost in range(3):
        run = request(f"run-{lost}")
        bench.queue.claim(id, run, dt.datetime.now(dt.UTC))
        settled = bench.queue.settle(id, run, Ending.WORKER_LOST, now=dt.datetime.now(dt.UTC))
        assert settled.verdict is Verdict.GIVE_BACK
        assert bench.queue.get(id).attempts == 0
    assert f"({3} of 5)" in comments(bench.queue, id)[-1]

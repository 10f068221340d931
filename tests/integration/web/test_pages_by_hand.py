"""What hands do on the pages: type into a form, move tasks, look at files, wander along the timeline."""

from __future__ import annotations

import json
import statistics

import sqlalchemy as sa

from tests.integration.running_stack import until
from tests.integration.web.browser import Browser
from tests.standins.filled_yard import FilledYard

FORM = "document.querySelector('form[data-schedule]')"
BARS = 10_000
MOST_MILLISECONDS = 33.0
"""Of drawing all bars anew: thirty pictures a second, on a machine that does other things, too."""


def type_into(browser: Browser, name: str, value: str) -> None:
    """As a person does: the form hears of it."""
    field = f"{FORM}.elements[{json.dumps(name)}]"
    browser.run(
        f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


def press(browser: Browser, key: str, *, alt: bool = False) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=1 if alt else 0)


def priority(yard: FilledYard, task: int) -> int:
    with yard.engine.connect() as connection:
        return connection.execute(
            sa.text("SELECT priority FROM signalbox.tasks WHERE id = :task"), {"task": task}
        ).scalar_one()


def test_the_form_shows_what_will_be_while_one_types(yard: FilledYard, browser: Browser) -> None:
    browser.go(f"{yard.ui}/signalbox/schedules/nightly")
    type_into(browser, "when", "15 4 * * 7")
    until(lambda: browser.shows("At 04:15, on Sunday"), "the rule in words", 20)
    assert browser.run(f"{FORM}.querySelectorAll('[data-next] li').length") == 10
    assert browser.shows("04:15 Europe/Berlin; here ")
    browser.picture("schedule-preview")
    type_into(browser, "jitter_", "soon")
    note = f"{FORM}.querySelector('[data-field=jitter] .wrong')?.innerText"
    assert "soon" in until(lambda: browser.run(note), "the fault stands at its field", 20)
    assert browser.run(f"{FORM}.elements.jitter_.getAttribute('aria-invalid')") == "true"
    browser.picture("schedule-fault")
    assert browser.run(f"{FORM}.querySelector('[data-save]').disabled")


def test_a_clone_is_declared_with_all_of_the_other(yard: FilledYard, browser: Browser) -> None:
    browser.go(f"{yard.ui}/signalbox/schedules?clone=imports#new")
    until(lambda: browser.shows("+  imports-copy:"), "the diff is shown at once", 20)
    browser.picture("schedule-clone")
    browser.run(f"{FORM}.querySelector('[data-save]').click()")
    browser.arrives("/signalbox/schedules/imports-copy")
    text = (yard.config / "yard.yaml").read_text()
    assert "imports-copy:" in text and text.count("max_per_job: 2") == 2


def test_the_list_is_searched_while_one_types(yard: FilledYard, browser: Browser) -> None:
    browser.go(f"{yard.ui}/signalbox/schedules")
    search = "document.querySelector('[name=q]')"
    browser.run(f"{search}.value = 'month'; {search}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    until(lambda: browser.run("document.querySelectorAll('#list tbody tr').length") == 1, "one is left", 20)
    assert browser.shows("monthly")
    assert "q=month" in str(browser.run("location.search"))


def test_tasks_are_moved_by_keys_and_by_dragging(yard: FilledYard, browser: Browser) -> None:
    browser.go(f"{yard.ui}/signalbox/queues")
    browser.run("document.getElementById('task-8').focus()")
    press(browser, "ArrowUp", alt=True)
    until(lambda: priority(yard, 8) == 1, "it stands before task 2", 20)
    order = "[...document.querySelectorAll('[data-order] li')].map(each => each.dataset.task).join()"
    until(lambda: browser.run(order) == "1,8,2", "the board shows it", 20)
    assert browser.run("document.activeElement.id") == "task-8"
    drag = """
        const [from, to] = ['2', '1'].map(id => document.querySelector(`[data-order] [data-task="${id}"]`));
        const data = new DataTransfer(), top = to.getBoundingClientRect().top + 1;
        const send = (on, kind) => on.dispatchEvent(new DragEvent(kind,
            {bubbles: true, cancelable: true, dataTransfer: data, clientY: top}));
        send(from, 'dragstart'); send(to, 'dragover'); send(to, 'drop'); send(from, 'dragend');
    """
    browser.run(f"(() => {{ {drag} }})()")
    until(lambda: priority(yard, 2) == 3, "it was dropped above task 1", 20)


def test_pictures_are_shown_and_reports_read(yard: FilledYard, browser: Browser) -> None:
    browser.said.clear()
    browser.go(f"{yard.ui}/signalbox/runs/nightly-2-again")
    until(lambda: browser.run("document.querySelector('.files img').naturalWidth") == 1, "the picture", 20)
    report = browser.opened(f"{yard.ui}/signalbox/runs/nightly-2-again/reports/report.md")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in report and "<script" not in report
    browser.picture("report")
    assert not [each for each in browser.said if "blocked" in each.lower() or "policy" in each.lower()]
    picture = f"{yard.ui}/api/v1/runs/nightly-2-again/artifacts/plots/dot.png?shown=1"
    assert "<img" in browser.opened(picture)


def test_ten_thousand_bars_are_drawn_smoothly(yard: FilledYard, browser: Browser) -> None:
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp,
                                  start_time, end_time)
                SELECT 'bar-' || n, 'job-' || n % 60, 'SUCCESS', '{}', at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC',
                       extract(epoch FROM at) + n % 9, extract(epoch FROM at) + 60 + n % 300
                FROM generate_series(1, :bars) AS n, LATERAL (SELECT now() - n * interval '50 seconds' AS at) AS t
                """
            ),
            {"bars": BARS},
        )
    browser.looks()
    browser.go(f"{yard.ui}/signalbox/timeline?span=7d")
    place = "document.getElementById('timeline')"
    until(lambda: browser.run(f"Number({place}.dataset.took)"), "it is drawn", 20)
    assert browser.run(f"JSON.parse({place}.querySelector('script').textContent).bars.length") >= BARS
    browser.picture("timeline-10000")
    taken = browser.run(
        f"""(async () => {{
            const place = {place}, taken = [];
            for (let n = 0; n < 60; n++) {{
                place.dispatchEvent(new KeyboardEvent('keydown', {{key: n % 3 ? 'ArrowLeft' : n % 2 ? '+' : '-'}}));
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                taken.push(Number(place.dataset.took));
            }}
            return taken;
        }})()"""
    )
    print(f"a picture of {BARS} bars takes {statistics.median(taken):.1f} ms, at worst {max(taken):.1f} ms")
    assert statistics.median(taken) < MOST_MILLISECONDS
    browser.run("document.querySelector('[data-only]').value = 'job-7'")
    browser.run("document.querySelector('[data-only]').dispatchEvent(new Event('input'))")
    for key in ("ArrowDown", "."):
        browser.run(f"{place}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}'}}))")
    assert "job job-7: success" in str(browser.run("document.querySelector('.tip').innerText"))

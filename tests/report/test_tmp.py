import time
from pathlib import Path
from pipeline.report import cohort_page, participant_page


def test_x(someone):
    t = time.perf_counter()
    p = participant_page(someone, participant="p01", title="Shift work", version="0.1.0")
    print(time.perf_counter() - t, len(p))
    Path("/tmp/page.html").write_text(p)
    Path("/tmp/cohort.html").write_text(cohort_page(someone, title="Shift work", version="0.1.0"))

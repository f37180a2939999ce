"""Tables → pages: one a participant, one over all of them; self-contained HTML, figures as SVG."""

from pipeline.report.cohort import cohort_page
from pipeline.report.page import participant_page

__all__ = ["cohort_page", "participant_page"]

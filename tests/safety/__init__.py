"""Hostile exports, studies and names: what each must meet with, one file a point.

1 `test_zip.py`       zip and gzip: names that lead outside, links, sizes that lie, bombs; nothing is unpacked to disk
2 `test_xml.py`       XML: entities, external references, depth, defaults that multiply, memory that stays flat
3 `test_csv.py`       CSV out: no formula; CSV in: any dialect, bounded
4 `test_headers.py`   EDF arithmetic, JSON, workbooks; what is never read (pickles and their like)
5 `test_paths.py`     ids, file names, links, sidecars, quarantine, terminal codes
6 `test_html.py`      pages: nothing unescaped, nothing executed, nothing fetched
7 `test_config.py`    study.toml: TOML and nothing else
8 `test_run.py`       nothing listens but Prefect's embedded API, on loopback
9 `test_resources.py` an export that is slow or large costs itself alone; in a run: `test_run.py`

Each test fails when the protection that it names is taken out.
"""

"""People whose truth is known, and device exports made from them; `simulate_study` writes a whole study folder.

`person` the traits and the planted loop · `days` arousal, bad nights, bedtimes · `stages` hypnograms · `counts`,
`beats`, `eeg`, `e4` the signals · `exports` the files · `truth` what was planted, as JSON · `participant`, `study`,
`sample` one participant, a study, the sample study of `sample_data/`.

`eeg_events` a night of EEG that is known event by event, made of `slow_wave_events`, `spindle_events` (placed by
`event_times`), `eeg_background` and `eeg_artefacts`; `eeg_export` writes it.
"""

from pipeline.simulate.person import LoopStrength
from pipeline.simulate.sample import sample_study
from pipeline.simulate.study import simulate_study

__all__ = ["LoopStrength", "sample_study", "simulate_study"]

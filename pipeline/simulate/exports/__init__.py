"""Writers of device exports: simulated data in, a file as the device or its software would have written it out.

`rr_text` writes chest-strap intervals, `actiwatch_awd` minute counts, `edf` EEG with its hypnogram as EDF+
annotations, `e4_zip` a wristband session, `axivity_cwa` and `actigraph_gt3x` raw acceleration, stretch by
stretch. The same data give the same bytes.
"""

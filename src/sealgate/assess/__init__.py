"""Which class is this data? Sources yield records, detectors match, traits are weighed."""

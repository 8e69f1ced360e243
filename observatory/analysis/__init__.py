"""What measurements mean. Pure: observations, controls and reference data in, verdicts out."""

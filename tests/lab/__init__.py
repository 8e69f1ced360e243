"""Tests of the emulated Internet."""

"""Tests of the emulated internet."""

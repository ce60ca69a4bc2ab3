"""Summaries: rows → groups → measures. A measure is made of atoms, which merge, so that ratios are ratios of sums."""

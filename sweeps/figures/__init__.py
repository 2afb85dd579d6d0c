"""Figures: small panels drawn by matplotlib, which nothing else in this repository imports."""

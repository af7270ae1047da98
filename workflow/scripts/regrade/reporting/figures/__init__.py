"""Figures by matplotlib, as SVG, PNG and PDF. What only one study needs is in workflow/studies/<study>/figures.py."""

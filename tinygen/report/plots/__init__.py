"""The plots of the page, as SVG text."""

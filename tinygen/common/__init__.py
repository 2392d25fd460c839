"""What every room may use: boards, errors, output files, words of options, templates, processes."""

"""The report: a page that shows a model and all that is known of it, and the model card."""

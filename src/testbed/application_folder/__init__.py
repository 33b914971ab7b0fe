"""The folder of a new application, made of templates."""

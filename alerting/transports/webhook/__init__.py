"""A POST of JSON to a URL that the person chose."""

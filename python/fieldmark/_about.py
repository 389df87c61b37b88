"""What this package is, for those modules that the package itself imports."""

__version__ = "0.1.0"
SDK = f"python {__version__}"

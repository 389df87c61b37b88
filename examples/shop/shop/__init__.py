"""An orders API such as a team would write, in several releases, and a demonstration of Fieldmark on it."""

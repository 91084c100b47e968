"""Bodies looked into on their way: what is above a route's class is masked or held back."""

# Stands in for setuptools while pip downloads a source package: pip wants the
# package's name and version, and would run the package's own code to get them.

"""`make mutants`: one small thing at a time is made wrong in the code, and the tests of that file have to notice."""

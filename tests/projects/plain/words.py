WORD = "own module"

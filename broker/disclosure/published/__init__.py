"""Tables that somebody published elsewhere: what a recipe must be, how their figures are read, whether the recipe makes
them. Pure; decides nothing about who may register one."""

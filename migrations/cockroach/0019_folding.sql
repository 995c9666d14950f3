-- The program folds the names of hashtags again with this step, in
-- transactions of its own: names that fold differently become one, with their
-- messages and counts. The schema stays as it is.

SELECT 1;

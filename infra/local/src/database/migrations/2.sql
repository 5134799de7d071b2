-- A term that every image has: what is searched when nothing has to be there.
INSERT INTO terms (kind, name, visible, total)
SELECT 'property', 'everything', sum(status IN ('visible', 'approved')), count(*) FROM results HAVING count(*) > 0;
INSERT INTO postings (term, number, confidence, hidden)
SELECT terms.id, results.number, 10000, results.status NOT IN ('visible', 'approved')
FROM terms, results WHERE terms.kind = 'property' AND terms.name = 'everything';
-- Terms that no image has are not kept.
DELETE FROM terms WHERE total = 0;

-- Which upload wrote an image's files; NULL for images from before files had generations.
ALTER TABLE images ADD COLUMN generation TEXT;
-- 1: its image was removed, and nothing is attached to it any more.
ALTER TABLE uploads ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;

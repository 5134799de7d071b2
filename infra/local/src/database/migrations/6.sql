-- A job's payload says its version, its kind and what is asked. Until now it was the event that AWS would have sent. Rows that
-- are none of these events stay as they are: their jobs fail, and end as dead letters that somebody can look at.
UPDATE work SET payload = CASE target
    WHEN 'ingest' THEN json_object('v', 1, 'job', 'ingest', 'request', json_object(
        -- After `new/`. The ids of uploads have no character that is encoded in such events.
        'upload_id', substr(json_extract(payload, '$.Records[0].s3.object.key'), 5),
        'created_at', json_extract(payload, '$.Records[0].eventTime')))
    WHEN 'analyze' THEN json_object('v', 1, 'job', 'analyze', 'request', json(payload))
    WHEN 'index' THEN json_object('v', 1, 'job', 'index', 'request', json_set(
        json_extract(payload, '$.detail'),
        '$.action', iif(json_extract(payload, '$."detail-type"') = 'image.unwanted', 'remove', 'store')))
    WHEN 'notify' THEN json_object('v', 1, 'job', 'notify', 'request', json_object(
        'at', json_extract(payload, '$.time'),
        'event', json_object(
            'detail-type', json_extract(payload, '$."detail-type"'),
            'detail', json_extract(payload, '$.detail'))))
    ELSE payload
END
WHERE CASE WHEN json_valid(payload) THEN CASE target
    WHEN 'ingest' THEN json_extract(payload, '$.Records[0].s3.object.key') LIKE 'new/%'
    WHEN 'analyze' THEN json_extract(payload, '$.image_id') IS NOT NULL
    ELSE json_type(payload, '$.detail') = 'object'
END END;

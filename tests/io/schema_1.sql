PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO meta VALUES('schema','1');
INSERT INTO meta VALUES('kind','real');
CREATE TABLE accounts (
	account VARCHAR NOT NULL, 
	paused_until BIGINT, 
	closed_until BIGINT, 
	closed_because TEXT NOT NULL, 
	PRIMARY KEY (account)
);
INSERT INTO accounts VALUES('crawlora/default',NULL,NULL,'');
CREATE TABLE runs (
	run_id VARCHAR NOT NULL, 
	job VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	budget BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	elapsed_s FLOAT NOT NULL, 
	next_at BIGINT, 
	message TEXT NOT NULL, 
	PRIMARY KEY (run_id)
);
INSERT INTO runs VALUES('old-20261101T021500Z-0001','old','open',100,1793499300000000,NULL,0.0,NULL,'');
CREATE TABLE walks (
	run_id VARCHAR NOT NULL, 
	walk_id VARCHAR NOT NULL, 
	crawls VARCHAR NOT NULL, 
	endpoint VARCHAR NOT NULL, 
	params TEXT NOT NULL, 
	country VARCHAR, 
	period_days INTEGER, 
	state VARCHAR NOT NULL, 
	why VARCHAR, 
	pages INTEGER NOT NULL, 
	rows BIGINT NOT NULL, 
	snapshot_at BIGINT, 
	reused_from VARCHAR, 
	PRIMARY KEY (run_id, walk_id)
);
INSERT INTO walks VALUES('old-20261101T021500Z-0001','e964f0ad6d0011fe','crawlora.hashtags','crawlora.hashtags','{"country_code":"US","period":"7"}','US',7,'open',NULL,0,0,1793499300000000,NULL);
INSERT INTO walks VALUES('old-20261101T021500Z-0001','d95b8bed17edde32','crawlora.hashtags','crawlora.hashtags','{"country_code":"GB","period":"7"}','GB',7,'open',NULL,0,0,1793499300000000,NULL);
CREATE TABLE requests (
	attempt_id INTEGER NOT NULL, 
	request_key VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	run_id VARCHAR NOT NULL, 
	walk_id VARCHAR NOT NULL, 
	endpoint VARCHAR NOT NULL, 
	page INTEGER NOT NULL, 
	params TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	reserved BIGINT NOT NULL, 
	reserved_at BIGINT NOT NULL, 
	day VARCHAR NOT NULL, 
	month VARCHAR NOT NULL, 
	slot_at BIGINT NOT NULL, 
	sent_at BIGINT, 
	settled_at BIGINT, 
	charge VARCHAR NOT NULL, 
	credits BIGINT NOT NULL, 
	outcome VARCHAR, 
	ending VARCHAR, 
	http_status INTEGER, 
	vendor_request_id VARCHAR, 
	detail TEXT NOT NULL, 
	process VARCHAR NOT NULL, 
	PRIMARY KEY (attempt_id)
);
INSERT INTO requests VALUES(1,'c34125da0061c04c5a120ccc6a6878c3','crawlora/default','old-20261101T021500Z-0001','e964f0ad6d0011fe','crawlora.hashtags',1,'{"country_code":"US","limit":"100","page":"1","period":"7"}',1,8,1793499300000000,'2026-11-01','2026-11-01',1793499300000000,1793499300000000,1793499300000000,'charged',8,'ok','ok',200,NULL,'','vm:27117');
INSERT INTO requests VALUES(2,'349a5348bdf31e950060d257bfd37163','crawlora/default','old-20261101T021500Z-0001','d95b8bed17edde32','crawlora.hashtags',1,'{"country_code":"GB","limit":"100","page":"1","period":"7"}',1,8,1793499300000000,'2026-11-01','2026-11-01',1793499300000000,1793499300000000,1793499300000000,'unknown',8,'lost','lost',NULL,NULL,'gone silent','vm:27117');
CREATE TABLE balances (
	kind VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	charged BIGINT NOT NULL, 
	presumed BIGINT NOT NULL, 
	unknown BIGINT NOT NULL, 
	reserved BIGINT NOT NULL, 
	PRIMARY KEY (kind, scope)
);
INSERT INTO balances VALUES('run','old-20261101T021500Z-0001',8,0,8,0);
INSERT INTO balances VALUES('day','crawlora/default|2026-11-01',8,0,8,0);
INSERT INTO balances VALUES('month','crawlora/default|2026-11-01',8,0,8,0);
CREATE TABLE pages (
	page_id INTEGER NOT NULL, 
	attempt_id BIGINT NOT NULL, 
	run_id VARCHAR NOT NULL, 
	walk_id VARCHAR NOT NULL, 
	request_key VARCHAR NOT NULL, 
	observed_at BIGINT NOT NULL, 
	outcome VARCHAR NOT NULL, 
	http_status INTEGER NOT NULL, 
	facts BLOB, 
	body BLOB, 
	size_bytes BIGINT NOT NULL, 
	drain_id BIGINT, 
	stored BOOLEAN NOT NULL, 
	PRIMARY KEY (page_id)
);
INSERT INTO pages VALUES(1,1,'old-20261101T021500Z-0001','e964f0ad6d0011fe','c34125da0061c04c5a120ccc6a6878c3',1793499300000000,'ok',200,X'7b227265636f726473223a312c22696473223a5b5b2231222c312c6e756c6c5d5d2c227265706f727465645f70616765223a312c2273697a65223a3130302c22746f74616c223a312c226861735f6d6f7265223a66616c73652c22637572736f72223a6e756c6c7d',X'28b52ffd209d6d030002c7151890b739a0206966b41d99d046f9b2f1bb17ea1943cdf9cf25adb5962c7d804e6419053b4adfb50565be82cef3432ddd2b3d3f7c8156d00475c4e71b9dc6d5b9186db4385fc48e9c00d0cb34a1bf37be6120d06996c049070038a2368ec08a042d84172843d3d846cc30',157,NULL,0);
CREATE TABLE drains (
	drain_id INTEGER NOT NULL, 
	run_id VARCHAR NOT NULL, 
	opened_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	rows TEXT NOT NULL, 
	PRIMARY KEY (drain_id)
);
CREATE TABLE parts (
	path VARCHAR NOT NULL, 
	table_name VARCHAR NOT NULL, 
	rows BIGINT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	select_hash VARCHAR NOT NULL, 
	PRIMARY KEY (path)
);
CREATE INDEX runs_by_job ON runs (job, started_at);
CREATE INDEX walks_by_id ON walks (walk_id, snapshot_at);
CREATE INDEX requests_by_slot ON requests (account, slot_at);
CREATE INDEX requests_by_run ON requests (run_id, charge);
CREATE INDEX pages_to_drain ON pages (stored, run_id);
CREATE INDEX pages_by_run ON pages (run_id, request_key);
CREATE INDEX drains_by_run ON drains (run_id);
CREATE INDEX parts_by_table ON parts (table_name, select_hash);
COMMIT;

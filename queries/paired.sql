-- paired a b: difference with its standard error (what compare prints)
SELECT task, metric, filter, count(*) n, avg(a) a, avg(b) b, avg(d) diff,
       sqrt(max(avg(d*d)-avg(d)*avg(d),0)/nullif(count(*)-1.0,0)) se, sum(d>0) wins, sum(d<0) losses, sum(d=0) ties
FROM pairs WHERE run_a=:a AND run_b=:b GROUP BY task, metric, filter;

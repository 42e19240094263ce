package faults
import ("dokumentlager/internal/devstack/servicetest";"testing";"time")
func TestZZ(t *testing.T){
 l:=newLane(t)
 for range 5 { b:=time.Now(); _ = l.process.stop(); a:=time.Now(); l.start(t); t.Log(a.Sub(b), time.Since(a)); 
 ps:=time.Now(); of:=l.Tenant(t); t.Log("tenant", time.Since(ps)); s:=newSource(t,l.Service,of); ps=time.Now(); sc:=&scene{t:t,lane:l,of:of,source:s}; p:=sc.must(sc.upload("",servicetest.NewDoc())); t.Log("upload", time.Since(ps)); ps=time.Now(); l.settle(t); t.Log("settle",time.Since(ps)); ps=time.Now(); in:=&inspection{t:t,service:l.Service,of:of,papers:[]*paper{p}}; t.Log(in.run(t.Context())); t.Log("inspect",time.Since(ps)); 
 _ = sc
 }
}

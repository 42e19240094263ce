package registry
import ("testing";"context";"time";"dokumentlager/internal/postgres";"dokumentlager/migrations";"dokumentlager/internal/document";"github.com/jackc/pgx/v5";"github.com/google/uuid";"fmt")
func TestZZ(t *testing.T){
 ctx:=context.Background()
 o,err:=postgres.OpenOwner(ctx,"postgres://dokumentlager_owner@localhost:55999/dokumentlager",migrations.FS); if err!=nil{t.Fatal(err)}
 if err:=o.Migrate(ctx,func(a,b int){});err!=nil{t.Fatal(err)}
 name:=fmt.Sprintf("t%d",time.Now().UnixNano())
 var id int32
 err=pgx.BeginFunc(ctx,o.Pool(),func(tx pgx.Tx) error{
  if err:=tx.QueryRow(ctx,`insert into control.tenant(name,home_community_id,repository_unique_id,schema_name,profile,share_personnel,share_citizen,own_organisation_only) values($1,$1,$1,$1,'nhn',true,true,false) returning id`,name).Scan(&id);err!=nil{return err}
  return o.CreateTenantSchema(ctx,tx,name)})
 if err!=nil{t.Fatal(err)}
 db,err:=postgres.Open(ctx,postgres.Config{URL:"postgres://dl_app@localhost:55999/dokumentlager"}); if err!=nil{t.Fatal(err)}
 l,_:=NewLocator(make([]byte,32))
 now:=time.Now().Truncate(time.Microsecond)
 pat:=document.PatientID{Value:"13116900216",Authority:document.AuthorityFNR}
 mk:=func() document.Entry{ return document.Entry{ID:uuid.Must(uuid.NewV7()),LogicalID:uuid.New(),Version:1,UniqueID:uuid.NewString(),AliasID:uuid.NewString(),Patient:pat,Status:document.Approved,SubmissionID:uuid.New(),ObjectKey:uuid.New(),Class:document.Code{Value:"A00-1",System:"9602",Display:"X"},Confidentiality:[]document.Code{{Value:"N",System:"1"}},Creation:document.Time{At:now,Precision:14},MimeType:"text/plain",Size:3,SHA1:[]byte("x"),SHA256:[]byte("y"),Registered:now,Title:"t"}}
 e:=mk()
 err=db.InTenant(ctx,postgres.Schema{ID:id,Name:name},func(tx *postgres.Tx) error{
  b:=tx.Batch()
  if err:=Register(tx,b,l,Submission{Set:document.SubmissionSet{ID:uuid.New(),UniqueID:"u",Patient:pat,Time:document.Time{At:now},Registered:now},Entries:[]document.Entry{e},Associations:[]document.Association{{ID:uuid.New(),Type:document.HasMember,Source:uuid.New(),Target:e.ID}}});err!=nil{return err}
  return b.Send(ctx)})
 if err!=nil{t.Fatal(err)}
 err=db.InTenant(ctx,postgres.Schema{ID:id,Name:name},func(tx *postgres.Tx) error{
  got,err:=ByID(ctx,tx,e.ID); if err!=nil{return err}
  t.Logf("%+v",got)
  list,err:=Find(ctx,tx,Query{Patient:pat,Limit:5,Statuses:[]document.Status{'A','D'},Classes:[]document.Code{{Value:"A00-1"}},Identifiers:[]string{e.AliasID},Registered:[]Span{{From:now.Add(-time.Hour),To:now.Add(time.Hour)}},After:&Position{now.Add(time.Hour),uuid.New()}})
  if err!=nil{return err}; if len(list)!=1{t.Fatal(list)}
  ex,err:=Existing(ctx,tx,[]uuid.UUID{e.ID},[]string{"a"}); if err!=nil||len(ex)!=1{t.Fatal(err,ex)}
  if _,err:=Relations(ctx,tx,[]uuid.UUID{e.ID});err!=nil{return err}
  b:=tx.Batch(); SetConfidentiality(b,e,[]document.Code{{Value:"V",System:"1"}},Change{now,uuid.New()}); Bury(b,e); return b.Send(ctx)
 })
 if err!=nil{t.Fatal(err)}
}

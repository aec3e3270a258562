fn main(){
 filch::run(async {
   let t: Vec<_> = (0..10000).map(|i| filch::spawn(async move { filch::task::yield_now().await; i })).collect();
   let mut s=0; for t in t { s+=t.await.unwrap(); } println!("{s}");
   let b=std::time::Instant::now(); filch::time::sleep(std::time::Duration::from_millis(10)).await; println!("{:?}", b.elapsed());
   println!("{}", filch::to_thread(|| 5).await);
   let r = filch::time::timeout(std::time::Duration::from_millis(5), std::future::pending::<()>()).await; println!("{r:?}");
 });
}

//! Read and write guards of a part.

use std::sync::Arc;
use tokio::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

#[derive(Default)]
struct Shop {
    open: bool,
    goods: Vec<(&'static str, u32)>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Vec<String> {
    let mut seen = Vec::new();
    let shop = Arc::new(RwLock::new(Shop::default()));

    let goods = RwLockWriteGuard::map(shop.write().await, |shop| &mut shop.goods);
    let mut goods: RwLockMappedWriteGuard<'_, Vec<(&str, u32)>> = goods;
    goods.extend([("tea", 3), ("cups", 8)]);
    let mut tea = RwLockMappedWriteGuard::map(goods, |goods| &mut goods[0]);
    tea.1 -= 1;
    note!(seen, "a part is locked like the whole: {}", shop.try_read().is_err());
    match RwLockMappedWriteGuard::try_map(tea, |_| None::<&mut u8>) {
        Ok(_) => note!(seen, "nothing was mapped"),
        Err(tea) => note!(seen, "{:?}", *tea),
    }

    let open: RwLockReadGuard<'_, bool> =
        RwLockReadGuard::map(shop.read().await, |shop| &shop.open);
    match RwLockReadGuard::try_map(shop.read().await, |shop| shop.goods.get(7)) {
        Ok(_) => note!(seen, "seven goods"),
        Err(shop) => note!(seen, "{} goods, open: {}", shop.goods.len(), *open),
    }
    note!(seen, "one reads: {}", shop.try_write().is_err());
    drop(open);

    let mut write = shop.write().await;
    write.open = true;
    let cups = RwLockWriteGuard::downgrade_map(write, |shop| &shop.goods[1]);
    note!(seen, "{} {}, others read: {}", cups.1, cups.0, shop.try_read().is_ok());
    drop(cups);
    match RwLockWriteGuard::try_map(shop.write().await, |shop| shop.goods.last_mut()) {
        Ok(last) => note!(seen, "last {}", last.0),
        Err(_) => note!(seen, "no goods"),
    }
    match RwLockWriteGuard::try_downgrade_map(shop.write().await, |shop| shop.goods.get(9)) {
        Ok(_) => note!(seen, "ten goods"),
        Err(guard) => {
            note!(seen, "still a writer: {} {}", guard.goods.len(), shop.try_read().is_err())
        }
    }
    let whole: RwLockMappedWriteGuard<'_, Shop> = RwLockWriteGuard::into_mapped(shop.write().await);
    note!(seen, "mapped to itself: {}", whole.open);
    drop(whole);

    let owned: OwnedRwLockWriteGuard<Shop> = shop.clone().write_owned().await;
    let mut goods: OwnedRwLockMappedWriteGuard<Shop, Vec<(&'static str, u32)>> =
        OwnedRwLockWriteGuard::map(owned, |shop| &mut shop.goods);
    goods.pop();
    note!(seen, "lock {}", Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&goods), &shop));
    let first = OwnedRwLockMappedWriteGuard::try_map(goods, |goods| goods.first_mut());
    let Ok(first) = first else { return seen };
    let mut count = OwnedRwLockMappedWriteGuard::map(first, |first| &mut first.1);
    *count *= 10;
    drop(count);
    let owned = shop.clone().write_owned().await;
    let open: OwnedRwLockReadGuard<Shop, bool> =
        OwnedRwLockWriteGuard::downgrade_map(owned, |shop| &shop.open);
    note!(seen, "open {}", *open);
    drop(open);
    let owned = shop.clone().write_owned().await;
    match OwnedRwLockWriteGuard::try_downgrade_map(owned, |shop| shop.goods.first()) {
        Ok(first) => note!(seen, "{first:?} for all"),
        Err(_) => note!(seen, "no goods"),
    }
    match OwnedRwLockWriteGuard::try_map(shop.clone().write_owned().await, |_| None::<&mut u8>) {
        Ok(_) => note!(seen, "nothing was mapped"),
        Err(shop) => note!(seen, "back: {}", OwnedRwLockWriteGuard::into_mapped(shop).open),
    }
    let goods = OwnedRwLockReadGuard::map(shop.clone().read_owned().await, |shop| &shop.goods);
    match OwnedRwLockReadGuard::try_map(goods, |goods| goods.get(1)) {
        Ok(_) => note!(seen, "two goods"),
        Err(goods) => note!(seen, "{} good", goods.len()),
    }
    note!(seen, "free: {}, owners: {}", shop.try_write().is_ok(), Arc::strong_count(&shop));
    seen
}

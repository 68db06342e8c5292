//! Orders: written down with their jobs, changed and taken back. Source: R-32-34, R-32-60, R-32-61.

use super::{
    EXPORT, ExportOrder, IMPORT, INSPECT, ImportOrder, OPEN_ORDERS, PackageError, Packages, Payload, Priority, Spooled,
    XdmPackage, export::place,
};
use crate::{
    model::{
        NodeKey, RequestContext,
        xdm::{Delivery, Direction, PackageId, PackageState},
    },
    service::audit::events::{self, Actor, Parties},
    store::{NewJob, NewXdmPackage, PackageJob, StoreError},
};

/// What [`Packages::add`] writes down.
struct New {
    direction: Direction,
    delivery: Delivery,
    priority: Priority,
    urgency: String,
    order: String,
    came: Option<Spooled>,
}

impl Packages {
    /// Orders a package; the order is durable when this returns. A second order of the node with the same idempotency key is
    /// the first one, also when there is no room for more.
    ///
    /// # Errors
    /// [`PackageError::KeyUsed`] where the first one is another; [`PackageError::Full`] when the node has too many; when it
    /// cannot be written down.
    pub async fn order_export(
        &self,
        ctx: &mut RequestContext,
        order: &ExportOrder,
        idempotency_key: Option<&str>,
    ) -> Result<PackageId, PackageError> {
        let json = serde_json::to_string(order).map_err(|_| StoreError::Corrupt { what: "xdm_package.order_json" })?;
        let new = New {
            direction: Direction::Export,
            delivery: order.delivery(),
            priority: order.priority(),
            urgency: order.urgency.clone(),
            order: json,
            came: None,
        };
        Ok(self.add(ctx, new, idempotency_key).await?.0)
    }

    /// Takes a package that came, to be looked into; it is durable when this returns. False beside a package that was
    /// known by its idempotency key: the new one is gone then.
    ///
    /// # Errors
    /// [`PackageError::KeyUsed`] where that one is of other octets; when it cannot be kept, or the node has too many.
    pub async fn receive(
        &self,
        ctx: &mut RequestContext,
        spooled: Spooled,
        delivery: Delivery,
        order: &ImportOrder,
        idempotency_key: Option<&str>,
    ) -> Result<(PackageId, bool), PackageError> {
        let json = serde_json::to_string(order).map_err(|_| StoreError::Corrupt { what: "xdm_package.order_json" })?;
        let new = New {
            direction: Direction::Import,
            delivery,
            priority: Priority::Normal,
            urgency: String::new(),
            order: json,
            came: Some(spooled),
        };
        self.add(ctx, new, idempotency_key).await
    }

    /// Whether so many octets more may come from this node.
    ///
    /// # Errors
    /// [`PackageError::Full`] when not.
    pub async fn refuse_beyond_room(&self, ctx: &RequestContext, octets: u64) -> Result<(), PackageError> {
        let room = self.room(ctx.caller.node_key()).await?;
        if octets > room || room == 0 { Err(PackageError::Full) } else { Ok(()) }
    }

    /// The package that this node brought with this idempotency key before, whatever its octets.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find_brought(&self, ctx: &RequestContext, key: &str) -> Result<Option<PackageId>, StoreError> {
        let mut tx = self.shared.store.read().await?;
        tx.find_xdm_package_of_key(ctx.caller.node_key(), Direction::Import, key).await
    }

    /// Octets that the packages of a node may take up beside those that are there.
    async fn room(&self, node_key: NodeKey) -> Result<u64, StoreError> {
        let octets = self.shared.store.read().await?.xdm_load(node_key, None).await?;
        Ok(self.shared.settings.node_bytes.saturating_sub(octets))
    }

    /// Takes over what was chosen of a package that was looked into, as a job; durable when this returns. `operator` is the person at
    /// the command line.
    ///
    /// # Errors
    /// [`PackageError::Standing`] while a job works on it, when it was withdrawn or its file is gone, or when another request
    /// was a moment earlier.
    pub async fn commit(
        &self,
        ctx: &RequestContext,
        package: &XdmPackage,
        order: &ImportOrder,
        operator: Option<&Actor>,
    ) -> Result<(), PackageError> {
        if package.state.is_open() || package.file.is_none() {
            return Err(PackageError::Standing(package.state));
        }
        let json = serde_json::to_string(order).map_err(|_| StoreError::Corrupt { what: "xdm_package.order_json" })?;
        let (id, runs) = (package.package_id, package.runs);
        let job = self.job(ctx, IMPORT, package, operator)?;
        let instance = package.instance.clone();
        let now_ms = (self.shared.clock)();
        let taken = self.shared.store.write(move |tx| {
            let (job, json, instance) = (job.clone(), json.clone(), instance.clone());
            Box::pin(async move {
                let job_id = tx.enqueue_at(&instance, &job, now_ms).await?;
                match tx.order_xdm_package_again(id, job_id, &json, runs).await? {
                    true => Ok(()),
                    // The job goes with the transaction.
                    false => {
                        let now = tx.find_xdm_package(id).await?.ok_or(PackageError::Unknown)?;
                        Err(PackageError::Standing(now.state))
                    }
                }
            })
        });
        taken.await?;
        self.shared.bell.notify_one();
        Ok(())
    }

    /// Takes a package back, which the audit trail is told: a job that works on it loses its right to, and its file is
    /// removed. `actor` is the person at the command line. A submission set that is being registered at that moment still
    /// is; none is begun after it, and the report says which were taken.
    ///
    /// # Errors
    /// [`PackageError::Standing`] when that was done before.
    pub async fn withdraw(
        &self,
        ctx: &RequestContext,
        package: &XdmPackage,
        actor: Option<&Actor>,
    ) -> Result<(), PackageError> {
        let now_ms = (self.shared.clock)();
        let (id, expires_ms) = (package.package_id, self.expiry(now_ms));
        self.take_mail_back(ctx, id, actor).await?;
        let event = self.shared.auditor.records().then(|| {
            let source_id = &self.shared.auditor.settings().source_id;
            let parties = match actor {
                Some(_) => Parties::own(ctx, source_id),
                None => Parties::new(ctx, source_id),
            };
            events::package_withdrawn(&parties, actor, &place(id))
        });
        let withdrawn = self.shared.store.write(move |tx| {
            let event = event.clone();
            Box::pin(async move {
                let withdrawn = tx.withdraw_xdm_package(id, now_ms, expires_ms).await?;
                if withdrawn {
                    tx.insert_audits(event.as_slice()).await?;
                }
                Ok::<_, StoreError>(withdrawn)
            })
        });
        if !withdrawn.await? {
            return Err(PackageError::Standing(PackageState::Withdrawn));
        }
        self.shared.ended.send_modify(|count| *count += 1);
        if !self.is_here(package) {
            // The server that has it removes it.
            return Ok(());
        }
        match self.drop_file(id).await {
            // Upkeep tries again.
            Err(PackageError::Io(error)) => {
                tracing::warn!(package = %id, %error, "the file of a package cannot be removed at the moment");
                Ok(())
            }
            dropped => dropped.map(drop),
        }
    }

    /// Removes the file of a package on which no job works, and says so in its row: both or neither. False when one does.
    pub(super) async fn drop_file(&self, id: PackageId) -> Result<bool, PackageError> {
        let files = self.shared.files.clone();
        let dropped = self.shared.store.write(move |tx| {
            let files = files.clone();
            Box::pin(async move {
                let dropped = tx.drop_xdm_file(id).await?;
                if dropped {
                    files.remove(id).await?;
                }
                Ok::<_, PackageError>(dropped)
            })
        });
        dropped.await
    }

    /// The next job of a package.
    pub(super) fn job(
        &self,
        ctx: &RequestContext,
        kind: &'static str,
        package: &XdmPackage,
        operator: Option<&Actor>,
    ) -> Result<NewJob, StoreError> {
        self.numbered_job(ctx, kind, (package.package_id, package.runs + 1), package.priority, operator)
    }

    fn numbered_job(
        &self,
        ctx: &RequestContext,
        kind: &'static str,
        (id, runs): (PackageId, i64),
        priority: Priority,
        operator: Option<&Actor>,
    ) -> Result<NewJob, StoreError> {
        let payload = Payload {
            package: id.to_string(),
            node: Some(ctx.caller.node_key()),
            subject: Some(ctx.caller.subject.to_string()),
            endpoint: ctx.endpoint.to_string(),
            address: ctx.caller.address,
            operator: operator.map(|it| it.user_id.clone()),
        };
        Ok(NewJob {
            kind,
            // No node keeps the others waiting.
            destination: format!("node:{}", ctx.caller.node_key()),
            idempotency_key: Some(format!("{id}-{runs}")),
            payload: serde_json::to_string(&payload).map_err(|_| StoreError::Corrupt { what: "job.payload" })?,
            priority,
            run_at_ms: (self.shared.clock)(),
            owner_org_key: ctx.caller.organisation_key(),
        })
    }

    async fn add(
        &self,
        ctx: &mut RequestContext,
        mut new: New,
        idempotency_key: Option<&str>,
    ) -> Result<(PackageId, bool), PackageError> {
        let (node_key, direction) = (ctx.caller.node_key(), new.direction);
        let sha256 = new.came.as_ref().map(|it| it.sha256.clone());
        if let Some(known) = self.known(ctx, &new, sha256.as_deref(), idempotency_key).await? {
            return Ok((known, false));
        }
        // Only now: what was ordered or brought before takes up no more room.
        self.refuse_beyond_room(ctx, new.came.as_ref().map_or(0, |it| it.octets)).await?;
        if direction == Direction::Export {
            let open = self.shared.store.read().await?.open_xdm_packages(node_key, direction).await?;
            if open >= OPEN_ORDERS {
                return Err(PackageError::Busy);
            }
        }
        let id = PackageId::from_bits(u128::from_be_bytes(*ctx.fresh_uuid().as_bytes()));
        let kind = if direction == Direction::Export { EXPORT } else { INSPECT };
        let job = self.numbered_job(ctx, kind, (id, 1), new.priority, None)?;
        let octets = new.came.as_ref().map(|it| it.octets);
        let file = match new.came.take() {
            Some(spooled) => Some(self.shared.files.keep(spooled, id).await?),
            None => None,
        };
        let row = NewXdmPackage {
            package_id: id,
            direction,
            owner_org_key: ctx.caller.organisation_key(),
            node_key,
            delivery: new.delivery,
            priority: new.priority,
            urgency: new.urgency.clone(),
            idempotency_key: idempotency_key.map(str::to_owned),
            job_id: 0,
            order: new.order.clone(),
            file,
            octets,
            sha256: sha256.clone(),
            instance: self.shared.files.instance().to_owned(),
        };
        let share = self.shared.settings.node_bytes;
        let now_ms = (self.shared.clock)();
        let added = self.shared.store.write(move |tx| {
            let (job, mut row) = (job.clone(), row.clone());
            Box::pin(async move {
                row.job_id = tx.enqueue_at(&row.instance, &job, now_ms).await?;
                tx.add_xdm_package(&row, now_ms).await?;
                let job = PackageJob { package_id: id, job_id: row.job_id };
                // What comes in at the same time is counted as well.
                let fits = match row.octets {
                    Some(octets) => tx.has_xdm_room(job, node_key, octets, share).await?,
                    None => true,
                };
                if fits { Ok(()) } else { Err(PackageError::Full) }
            })
        });
        match added.await {
            Ok(()) => {}
            // Another request with the same key was a moment earlier.
            Err(error @ PackageError::Store(StoreError::Constraint { .. })) => {
                self.shared.files.remove(id).await?;
                let known = self.known(ctx, &new, sha256.as_deref(), idempotency_key).await?;
                return known.map(|known| (known, false)).ok_or(error);
            }
            // The answer to the commit may be lost, and the package there. While nobody can tell, its file stays; one that is
            // nobody's goes at the next start.
            Err(PackageError::Store(error))
                if error.may_be_of_a_lost_answer()
                    && self.shared.store.read().await?.find_xdm_package(id).await?.is_some() => {}
            Err(error) => {
                self.shared.files.remove(id).await?;
                return Err(error);
            }
        }
        self.shared.bell.notify_one();
        Ok((id, true))
    }

    /// Lets the idempotency key of a package be used again.
    pub(super) async fn forget_key(&self, id: PackageId) -> Result<(), PackageError> {
        let forgotten = self.shared.store.write(move |tx| Box::pin(async move { tx.forget_xdm_key(id).await }));
        Ok(forgotten.await?)
    }

    /// The package that a node ordered, or brought, with this idempotency key before.
    async fn known(
        &self,
        ctx: &RequestContext,
        new: &New,
        sha256: Option<&str>,
        key: Option<&str>,
    ) -> Result<Option<PackageId>, PackageError> {
        let Some(key) = key else { return Ok(None) };
        let mut tx = self.shared.store.read().await?;
        let Some(id) = tx.find_xdm_package_of_key(ctx.caller.node_key(), new.direction, key).await? else {
            return Ok(None);
        };
        let Some(known) = tx.find_xdm_package(id).await? else { return Ok(None) };
        let is_same = match new.direction {
            Direction::Export => known.order == new.order,
            // What was decided about a package stands where its first order stood.
            Direction::Import => known.sha256.as_deref() == sha256,
        };
        if is_same { Ok(Some(id)) } else { Err(PackageError::KeyUsed) }
    }
}

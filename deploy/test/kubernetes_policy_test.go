package deploy

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	admission "k8s.io/pod-security-admission/api"
	restriction "k8s.io/pod-security-admission/policy"
)

// What admits the pods in a cluster says so here, by its own rules: the restricted profile of this version.
func TestPodsKeepToTheRestrictedProfile(t *testing.T) {
	version := admission.MajorMinorVersion(1, 37)
	evaluator, err := restriction.NewEvaluator(restriction.DefaultChecks(), &version)
	if err != nil {
		t.Fatal(err)
	}
	restricted := admission.LevelVersion{Level: admission.LevelRestricted, Version: version}
	for _, overlay := range overlays {
		template := get[appsv1.StatefulSet](t, overlay, "StatefulSet").Spec.Template
		if result := restriction.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec)); !result.Allowed {
			t.Errorf("%s is refused: %s", overlay, result.ForbiddenDetail())
		}
		template.Spec.SecurityContext.SeccompProfile = nil
		if result := restriction.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec)); result.Allowed {
			t.Errorf("%s is admitted without a seccomp profile: the check checks nothing", overlay)
		}
	}
}

// What goes beyond it: a read-only root, no API token, limits.
func TestPodsAreConfined(t *testing.T) {
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) { confined(t, overlay) })
	}
}

func confined(t *testing.T, overlay string) {
	t.Helper()
	pod := get[appsv1.StatefulSet](t, overlay, "StatefulSet").Spec.Template.Spec
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod shares the host's network, processes or memory")
	}
	if s := pod.SecurityContext; s.RunAsNonRoot == nil || !*s.RunAsNonRoot || *s.RunAsUser != 65532 ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod security context %+v: want a user that is not root, and RuntimeDefault", s)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod gets a token for the API server")
	}
	account := get[corev1.ServiceAccount](t, overlay, "ServiceAccount")
	if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken || account.Name != pod.ServiceAccountName {
		t.Errorf("service account %s: want %s, without a token", account.Name, pod.ServiceAccountName)
	}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil {
			t.Errorf("the volume %s is a path of the node", volume.Name)
		}
	}
	for _, container := range append(slices.Clone(pod.InitContainers), pod.Containers...) {
		checkContainer(t, container)
	}
	namespace := get[corev1.Namespace](t, overlay, "Namespace")
	if namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Error("the namespace does not enforce the restricted profile")
	}
}

func checkContainer(t *testing.T, container corev1.Container) {
	t.Helper()
	s := container.SecurityContext
	switch {
	case s == nil:
		t.Fatalf("%s has no security context", container.Name)
	case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation:
		t.Errorf("%s may gain privileges", container.Name)
	case s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem:
		t.Errorf("%s can write to its root", container.Name)
	case s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0:
		t.Errorf("%s keeps capabilities: %+v", container.Name, s.Capabilities)
	case s.Privileged != nil && *s.Privileged:
		t.Errorf("%s is privileged", container.Name)
	}
	for _, list := range []corev1.ResourceList{container.Resources.Requests, container.Resources.Limits} {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			if quantity := list[name]; quantity.IsZero() {
				t.Errorf("%s has no request or no limit of %s", container.Name, name)
			}
		}
	}
	for _, port := range container.Ports {
		if port.HostPort != 0 {
			t.Errorf("%s opens the port %d on the node", container.Name, port.HostPort)
		}
	}
}

// The soft limit leaves the collector a tenth of the hard one to work in.
func TestMemoryLimitIsSoftFirst(t *testing.T) {
	container := get[appsv1.StatefulSet](t, "scaled", "StatefulSet").Spec.Template.Spec.Containers[0]
	var soft string
	for _, variable := range container.Env {
		if variable.Name == "GOMEMLIMIT" {
			soft = variable.Value
		}
	}
	quantity, err := resource.ParseQuantity(trimB(soft))
	if err != nil {
		t.Fatalf("GOMEMLIMIT %q: %v", soft, err)
	}
	hard := container.Resources.Limits.Memory().Value()
	if share := float64(quantity.Value()) / float64(hard); share < 0.85 || share > 0.9 {
		t.Errorf("GOMEMLIMIT is %.3f of the limit, want 0.85 to 0.90", share)
	}
}

// trimB turns Go's MiB into Kubernetes' Mi.
func trimB(size string) string {
	if size != "" && size[len(size)-1] == 'B' {
		return size[:len(size)-1]
	}
	return size
}

func TestProbesAndShutdown(t *testing.T) {
	pod := get[appsv1.StatefulSet](t, "scaled", "StatefulSet").Spec.Template.Spec
	container := pod.Containers[0]
	for name, probe := range map[string]*corev1.Probe{"/livez": container.LivenessProbe, "/readyz": container.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != name || probe.HTTPGet.Port.String() != "http" {
			t.Errorf("the probe of %s is %+v", name, probe)
		}
	}
	if probe := container.StartupProbe; probe == nil || probe.HTTPGet.Path != "/livez" {
		t.Errorf("the startup probe is %+v: a restore must not count as a failed start", probe)
	}
	if container.Ports[0].Name != "http" || container.Ports[0].ContainerPort != 8080 {
		t.Errorf("the port is %+v", container.Ports[0])
	}
	if grace := *pod.TerminationGracePeriodSeconds; grace != 30 {
		t.Errorf("%d s to stop in, want 30", grace)
	}
}

// The pod listens on all its addresses without authentication, so the network policy must be there and narrow.
func TestNetworkPolicyGuardsTheOpenPort(t *testing.T) {
	for overlay, kafka := range map[string]int{"single": 9092, "scaled": 9092, "operated": 9093} {
		guarded(t, get[networkingv1.NetworkPolicy](t, overlay, "NetworkPolicy"), kafka)
	}
}

func guarded(t *testing.T, policy *networkingv1.NetworkPolicy, kafka int) {
	t.Helper()
	for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if !slices.Contains(policy.Spec.PolicyTypes, direction) {
			t.Errorf("the policy says nothing about %s, which leaves it open", direction)
		}
	}
	for _, rule := range policy.Spec.Ingress {
		checkPeers(t, "ingress", rule.From, rule.Ports)
	}
	egress := map[int]bool{}
	for _, rule := range policy.Spec.Egress {
		checkPeers(t, "egress", rule.To, rule.Ports)
		for _, port := range rule.Ports {
			egress[port.Port.IntValue()] = true
		}
	}
	if !egress[53] || !egress[kafka] || len(egress) != 2 {
		t.Errorf("egress to the ports %v, want names (53) and Kafka (%d)", egress, kafka)
	}
}

func checkPeers(t *testing.T, direction string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
	t.Helper()
	if len(peers) == 0 || len(ports) == 0 {
		t.Errorf("an %s rule is open to everyone or to every port", direction)
	}
	for _, peer := range peers {
		if peer.NamespaceSelector == nil || len(peer.NamespaceSelector.MatchLabels) == 0 {
			t.Errorf("an %s rule names no namespace: %+v", direction, peer)
		}
	}
}
